import {
  historyBreak,
  type JournalStore,
  type KeyRange,
  type PagedRead,
  type Source,
  type SourceReader,
} from '@tidemark/core';
import { CannotCompareError } from './verify.js';

/** Milliseconds for which a look at the source's identity is good: a repair reads key by key. */
const LOOK_VALID_MS = 500;

/**
 * The source, for comparisons and repairs: read only while it is the one that was journaled. A revision number
 * alone proves nothing: a source that was restored from a backup has other content under it, and until the leader has
 * journaled the reset nothing holds the destinations. Repairing from it would take changes back unasked.
 */
export class JournaledSource implements SourceReader {
  private lookedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly source: Pick<Source, 'read' | 'identity'>,
    private readonly journal: Pick<JournalStore, 'head'>,
  ) {}

  /** As Source.read. @throws CannotCompareError when the source has another history than the journal */
  async read(range: KeyRange, revision: number | undefined, signal: AbortSignal): Promise<PagedRead> {
    if (performance.now() - this.lookedAt > LOOK_VALID_MS) await this.look(signal);
    return await this.source.read(range, revision, signal);
  }

  private async look(signal: AbortSignal): Promise<void> {
    // In this order: what is journaled was at the source before.
    const { last } = await this.journal.head(signal);
    const identity = await this.source.identity(signal);
    const broken =
      last === null ? null : historyBreak({ revision: last.position.revision, anchor: last.anchor }, identity);
    if (broken !== null) {
      const message = `There is nothing to compare with: ${broken.message}`;
      throw new CannotCompareError({ message, remedy: broken.remedy, cause: broken });
    }
    this.lookedAt = performance.now();
  }
}
