import type { Change, Entry, KeyValue } from './change.js';
import { type KeyRange, rangeContains } from './key-range.js';

/**
 * What of the source is never replicated: our own coordination keys. Neither the journal and its snapshots nor what
 * destinations are compared with have them. Their revisions stay in the journal as entries without changes, because the
 * chain of revisions must not have holes.
 */
export class ReservedKeys {
  constructor(private readonly ranges: readonly KeyRange[]) {}

  private readonly isFree = ({ key }: Pick<Change, 'key'>): boolean =>
    !this.ranges.some((range) => rangeContains(range, key));

  strip(entry: Entry): Entry {
    if (entry.changes.every(this.isFree)) return entry;
    return { revision: entry.revision, changes: entry.changes.filter(this.isFree) };
  }

  async *stripPages(pages: AsyncIterable<readonly KeyValue[]>): AsyncGenerator<readonly KeyValue[]> {
    for await (const page of pages) yield page.filter(this.isFree);
  }
}
