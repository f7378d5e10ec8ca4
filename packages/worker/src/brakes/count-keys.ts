import type { DestinationReader } from '@tidemark/core';
import type { Filter } from '../routes/filter.js';

/** The keys at a destination that its routes own. */
export async function countKeys(
  destination: Pick<DestinationReader, 'count'>,
  filter: Filter,
  signal: AbortSignal,
): Promise<number> {
  let keys = 0;
  for (const { plus, minus } of filter.countedRanges) {
    keys += await destination.count(plus, signal);
    for (const range of minus) keys -= await destination.count(range, signal);
  }
  return keys;
}
