import { decodeOrigin, type KeyRange, ORIGIN_KEY_SUFFIX, Scope, type Source, TidemarkError } from '@tidemark/core';
import type { Link } from './find-loop.js';

/** The source gets this long for one look, milliseconds: what is journaled can be applied without it. */
const TIMEOUT_MS = 3_000;

/** The source could not be asked; `cause` says why. */
export class SourceSilentError extends TidemarkError {
  readonly code = 'UNAVAILABLE';
}

/** An origin that was found in the source: somebody writes there. */
export interface FoundOrigin extends Link {
  readonly key: string;
}

type Asked = Pick<Source, 'identity' | 'read'>;

/** The source, as far as it shows who writes to it. Its methods throw SourceSilentError when it cannot be asked. */
export class OriginSource {
  constructor(
    private readonly source: Asked,
    /** Where pipelines keep their checkpoints, and so their origins. */
    private readonly ranges: readonly KeyRange[],
  ) {}

  async clusterId(signal: AbortSignal): Promise<string> {
    return (await this.ask((source, stop) => source.identity(stop), signal)).clusterId;
  }

  async answers(signal: AbortSignal): Promise<boolean> {
    try {
      await this.clusterId(signal);
      return true;
    } catch (error) {
      if (error instanceof SourceSilentError) return false;
      throw error;
    }
  }

  async origins(signal: AbortSignal): Promise<readonly FoundOrigin[]> {
    return await this.ask(async (source, stop) => {
      const { clusterId } = await source.identity(stop);
      const found: FoundOrigin[] = [];
      for (const range of this.ranges) {
        for await (const page of (await source.read(range, undefined, stop)).pages) {
          for (const { key, value } of page) {
            const name = key.toString();
            const origin = name.endsWith(ORIGIN_KEY_SUFFIX) ? decodeOrigin(value) : null;
            if (origin !== null) found.push({ origin, writesTo: clusterId, key: name });
          }
        }
      }
      return found;
    }, signal);
  }

  private async ask<T>(question: (source: Asked, signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const scope = Scope.within(TIMEOUT_MS, signal);
    try {
      return await question(this.source, scope.signal);
    } catch (cause) {
      if (!(cause instanceof TidemarkError)) throw cause;
      throw new SourceSilentError({ message: 'The source gave no answer.', remedy: 'See the cause.', cause });
    } finally {
      scope.end();
    }
  }
}
