import type { JournalWriter, Position, RecordDraft } from '@tidemark/core';

/**
 * The journal's writer, shared by the pump and the keeper. A writer is dead after its first failed append, and `failed`
 * informs both of them. The pump of a quiet source would otherwise wait for the next revision, while the leader can write
 * neither progress nor snapshots.
 */
export class SharedWriter implements JournalWriter {
  private readonly controller = new AbortController();
  /** Aborts at the first failed append, with its error as the reason. */
  readonly failed: AbortSignal = this.controller.signal;
  private acknowledged: Position | null;
  private appendedAt: number;

  constructor(private readonly writer: JournalWriter) {
    this.acknowledged = writer.position;
    this.appendedAt = performance.now();
  }

  /** The position after the last acknowledged append: the journal has reached at least this. */
  get stored(): Position | null {
    return this.acknowledged;
  }

  get position(): Position | null {
    return this.writer.position;
  }

  /** Milliseconds since the last append was acknowledged, or since the journal was taken over. */
  get quietForMs(): number {
    return performance.now() - this.appendedAt;
  }

  get batchBytes(): number {
    return this.writer.batchBytes;
  }

  async append(record: RecordDraft): Promise<void> {
    try {
      await this.writer.append(record);
      this.appendedAt = performance.now();
      this.acknowledged = { generation: record.generation, revision: record.revision };
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  /** Ends the writer from outside: records that it wrote are lost, so no append would succeed. */
  fail(error: unknown): void {
    this.controller.abort(error);
  }
}
