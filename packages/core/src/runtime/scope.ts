import { callAfter } from './timer.js';

/**
 * A signal of its own that also aborts with outer signals, until it is ended. Every AbortSignal.any leaves a reference on
 * the outer signals, and some of those live as long as the process.
 */
export class Scope {
  private readonly controller = new AbortController();
  private readonly outer: readonly AbortSignal[];
  private stopTimer: (() => void) | undefined;
  private readonly follow = (): void => {
    const over = this.outer.find(({ aborted }) => aborted);
    if (over !== undefined) this.controller.abort(over.reason);
  };

  constructor(...outer: readonly AbortSignal[]) {
    this.outer = outer;
    for (const signal of outer) signal.addEventListener('abort', this.follow, { once: true });
    this.follow();
  }

  /** A scope that ends by itself after `ms` milliseconds. */
  static within(ms: number, ...outer: readonly AbortSignal[]): Scope {
    const scope = new Scope(...outer);
    scope.stopTimer = callAfter(ms, () => scope.end());
    return scope;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Aborts the signal and removes it from the outer ones. Call it in a `finally`: until then they keep it in memory. */
  end(): void {
    this.stopTimer?.();
    for (const signal of this.outer) signal.removeEventListener('abort', this.follow);
    this.controller.abort();
  }
}
