import { type Change, type Entry, type KeyRange, type KeyValue, rangeContains } from '@tidemark/core';

/**
 * Leaves out Tidemark's own coordination keys, which are never replicated. Their revisions stay in the journal as entries
 * without changes, because the chain of revisions must not have holes.
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
