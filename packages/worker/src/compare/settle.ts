import { type Checkpoint, type Destination, type Source, sleep } from '@tidemark/core';
import type { Route } from '../routes.js';
import type { Difference } from './difference.js';
import { wantedValue } from './wanted-value.js';

/** Keys that are asked for together: at the destination in one read, at the source at the same time. */
const GROUP_KEYS = 32;
/** A revision larger than one transaction is written in parts; it takes seconds at most. */
const BETWEEN_PARTS = { attempts: 50, pauseMs: 100 };

export interface Settling {
  readonly source: Pick<Source, 'read'>;
  readonly destination: Pick<Destination, 'read'>;
  readonly routes: readonly Route[];
  /** The checkpoint when a comparison with it makes sense; throws otherwise. */
  readonly settled: (checkpoint: Checkpoint | null) => Checkpoint;
}

export type DifferentKey = Pick<Difference, 'kind' | 'key'>;

/**
 * Which of these suspects are differences. A view that is not of one state shows some keys newer than its checkpoint.
 * Each suspect is read once more, together with the checkpoint of the very same state, and compared with the source at
 * exactly that revision: what differs then really does, however much is being written meanwhile.
 *
 * @throws SourceCompactedError
 * @throws UnavailableError
 */
export async function settle(
  settling: Settling,
  suspects: readonly DifferentKey[],
  signal: AbortSignal,
): Promise<DifferentKey[]> {
  const found: DifferentKey[] = [];
  for (let from = 0; from < suspects.length; from += GROUP_KEYS) {
    const keys = suspects.slice(from, from + GROUP_KEYS).map(({ key }) => key);
    const { revision, values } = await readBetweenRevisions(settling, keys, signal);
    const wanted = await Promise.all(keys.map((key) => wantedValue(settling, { key, revision }, signal)));
    for (const [index, key] of keys.entries()) {
      const kind = kindOf(wanted[index] ?? null, values[index] ?? null);
      if (kind !== null) found.push({ kind, key });
    }
  }
  return found;
}

async function readBetweenRevisions(
  { destination, settled }: Settling,
  keys: readonly Buffer[],
  signal: AbortSignal,
): Promise<{ revision: number; values: readonly (Buffer | null)[] }> {
  for (let attempt = 1; ; attempt++) {
    const { checkpoint, values } = await destination.read(keys, signal);
    if (checkpoint?.partial == null || attempt === BETWEEN_PARTS.attempts) {
      return { revision: settled(checkpoint).position.revision, values };
    }
    await sleep(BETWEEN_PARTS.pauseMs, signal);
  }
}

function kindOf(wanted: Buffer | null, actual: Buffer | null): Difference['kind'] | null {
  if (wanted === null) return actual === null ? null : 'extra';
  if (actual === null) return 'missing';
  return wanted.equals(actual) ? null : 'different';
}
