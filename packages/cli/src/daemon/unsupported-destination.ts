import type { ApplyLimits, Destination } from '@tidemark/core';
import { NotSupportedError } from '../errors.js';

/** Stands for a destination of a kind that this version cannot write to: it says so, and the others go on. */
export class UnsupportedDestination implements Destination {
  readonly limits: ApplyLimits = { maxWrites: 1, maxBytes: 1 };

  constructor(private readonly kind: string) {}

  checkpoint(): Promise<never> {
    return this.refuse();
  }

  apply(): Promise<never> {
    return this.refuse();
  }

  view(): Promise<never> {
    return this.refuse();
  }

  read(): Promise<never> {
    return this.refuse();
  }

  count(): Promise<never> {
    return this.refuse();
  }

  foreignWrites(): null {
    return null;
  }

  async close(): Promise<void> {
    // Nothing was opened.
  }

  private refuse(): Promise<never> {
    return Promise.reject(
      new NotSupportedError({
        message: `Destinations of kind ${this.kind} are not available in this version.`,
        remedy: 'Remove the destination from the configuration, or use a version that has the kind.',
      }),
    );
  }
}
