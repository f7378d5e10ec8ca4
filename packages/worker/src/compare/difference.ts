import type { Item } from '../routes/route.js';

/** One key that is not as it should be. */
export type Difference =
  | { readonly kind: 'missing'; readonly key: Buffer; readonly value: Buffer }
  | { readonly kind: 'different'; readonly key: Buffer; readonly value: Buffer }
  | { readonly kind: 'extra'; readonly key: Buffer };

type Pages = AsyncIterable<readonly Item[]>;

/**
 * Merge-join of two sorted reads: what differs between how keys should be and how they are. Holds one page of each side,
 * whatever the size of the keyspace. Yields the differences found since the last page, in key order.
 */
export async function* difference(wanted: Pages, actual: Pages): AsyncGenerator<readonly Difference[]> {
  const left = new PageCursor(wanted);
  const right = new PageCursor(actual);
  try {
    while (true) {
      await left.fill();
      await right.fill();
      if (left.ended && right.ended) return;
      const found = joinPages(left, right);
      if (found.length > 0) yield found;
    }
  } finally {
    await left.close();
    await right.close();
  }
}

/** Joins until one side needs its next page. */
function joinPages(wanted: PageCursor, actual: PageCursor): Difference[] {
  const found: Difference[] = [];
  while (wanted.ready && actual.ready) {
    const want = wanted.current;
    const have = actual.current;
    if (want === undefined && have === undefined) break;
    const order = compareKeys(want, have);
    if (order <= 0) wanted.advance();
    if (order >= 0) actual.advance();
    const differs = order !== 0 || !sameValue(want, have);
    if (differs && order <= 0 && want !== undefined) found.push({ kind: order < 0 ? 'missing' : 'different', ...want });
    if (order > 0 && have !== undefined) found.push({ kind: 'extra', key: have.key });
  }
  return found;
}

/** An ended side sorts after everything. */
function compareKeys(want: Item | undefined, have: Item | undefined): number {
  if (want === undefined) return 1;
  if (have === undefined) return -1;
  return Buffer.compare(want.key, have.key);
}

function sameValue(want: Item | undefined, have: Item | undefined): boolean {
  return want !== undefined && have !== undefined && want.value.equals(have.value);
}

class PageCursor {
  private readonly iterator: AsyncIterator<readonly Item[]>;
  private page: readonly Item[] = [];
  private index = 0;
  ended = false;

  constructor(pages: Pages) {
    this.iterator = pages[Symbol.asyncIterator]();
  }

  get current(): Item | undefined {
    return this.page[this.index];
  }

  /** False when the next page has to be fetched first. */
  get ready(): boolean {
    return this.ended || this.index < this.page.length;
  }

  advance(): void {
    this.index++;
  }

  /** Fetches pages until there is a current item or the side has ended. */
  async fill(): Promise<void> {
    while (this.current === undefined && !this.ended) {
      const next = await this.iterator.next();
      if (next.done === true) {
        this.ended = true;
      } else {
        this.page = next.value;
        this.index = 0;
      }
    }
  }

  async close(): Promise<void> {
    if (!this.ended) await this.iterator.return?.();
  }
}
