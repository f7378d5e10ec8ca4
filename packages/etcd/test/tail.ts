import type { Entry, Source } from '@tidemark/core';
import { until } from '@tidemark/testing';

/** Collects a tail in the background. */
export class Tail {
  readonly entries: Entry[] = [];
  /** Resolves or rejects when the tail ends: quietly, or with its error. */
  readonly ended: Promise<void>;
  private readonly abort = new AbortController();
  private failure: unknown = null;

  constructor(source: Source, startRevision: number, signal?: AbortSignal) {
    this.ended = this.collect(source, startRevision, signal ?? this.abort.signal);
    this.ended.catch((error: unknown) => {
      this.failure = error;
    });
  }

  get revisions(): number[] {
    return this.entries.map(({ revision }) => revision);
  }

  async reaches(revision: number): Promise<void> {
    await until(
      () => {
        if (this.failure !== null) throw this.failure;
        return (this.entries.at(-1)?.revision ?? 0) >= revision;
      },
      { timeoutMs: 20_000, describe: () => `revision ${revision}, have ${this.entries.at(-1)?.revision}` },
    );
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.ended;
  }

  private async collect(source: Source, startRevision: number, signal: AbortSignal): Promise<void> {
    for await (const entries of source.tail(startRevision, signal)) this.entries.push(...entries);
  }
}
