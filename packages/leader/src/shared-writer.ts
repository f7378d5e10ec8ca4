import type { JournalWriter, Position, RecordDraft } from '@tidemark/core';

/**
 * The journal's writer, shared by the pump and those who care for the journal beside it. A writer is dead after its first
 * failed append, whosever it was; `failed` tells all of them. The pump of a quiet source would not notice by itself: it
 * would wait for the next revision, with a leader that can write neither progress nor snapshots.
 */
export class SharedWriter implements JournalWriter {
  private readonly controller = new AbortController();
  /** Aborts at the first failed append, with its error as the reason. */
  readonly failed: AbortSignal = this.controller.signal;
  private acknowledged: Position | null;

  constructor(private readonly writer: JournalWriter) {
    this.acknowledged = writer.position;
  }

  /** Where the journal stands for certain: behind the last append that was acknowledged. */
  get stored(): Position | null {
    return this.acknowledged;
  }

  get position(): Position | null {
    return this.writer.position;
  }

  get batchBytes(): number {
    return this.writer.batchBytes;
  }

  async append(record: RecordDraft): Promise<void> {
    try {
      await this.writer.append(record);
      this.acknowledged = { generation: record.generation, revision: record.revision };
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  /** What was written is not there any more: no append would succeed. */
  fail(error: unknown): void {
    this.controller.abort(error);
  }
}
