import {
  type Checkpoint,
  comparePositions,
  type DestinationReader,
  type Position,
  type SourceReader,
  sleep,
} from '@tidemark/core';
import type { Route } from '../routes/route.js';
import type { Difference } from './difference.js';
import { KeysAtOnce } from './keys-at-once.js';
import { wantedValue } from './wanted-value.js';

/** A revision larger than one transaction is written in parts; it takes seconds at most. */
const BETWEEN_PARTS = { attempts: 50, pauseMs: 100 };

export interface RecheckOptions {
  readonly source: SourceReader;
  readonly destination: Pick<DestinationReader, 'read'>;
  readonly routes: readonly Route[];
  /** The checkpoint when a comparison with it makes sense; throws otherwise. */
  readonly comparable: (checkpoint: Checkpoint | null) => Checkpoint;
}

export type DifferentKey = Pick<Difference, 'kind' | 'key'>;

/** What a comparison took for different, and the position at which the source was read for it. */
export interface Suspicion {
  readonly suspects: readonly Difference[];
  readonly comparedAt: Position;
}

/**
 * Which of these suspects are differences. A view that is not of one state shows some keys newer than its checkpoint.
 * Each suspect is read once more, together with the checkpoint of the very same state, and compared with the source at
 * exactly that revision: what differs then really does, however much is being written meanwhile.
 *
 * @throws SourceCompactedError
 * @throws UnavailableError
 */
export async function recheck(
  options: RecheckOptions,
  { suspects, comparedAt }: Suspicion,
  signal: AbortSignal,
): Promise<DifferentKey[]> {
  const found: DifferentKey[] = [];
  const atOnce = new KeysAtOnce();
  for (let from = 0; from < suspects.length; ) {
    // At the destination in one read, at the source at the same time.
    const some = atOnce.group(suspects, from);
    const keys = some.map(({ key }) => key);
    const { position, values } = await readBetweenRevisions(options, keys, signal);
    // A destination that has not moved is compared with what was read already: a new route may be millions of suspects.
    const known = comparePositions(position, comparedAt) === 0;
    const wanted = known ? some.map(wantedBy) : await wantedValues(options, { keys, ...position }, signal);
    for (const [index, key] of keys.entries()) {
      const kind = kindOf(wanted[index] ?? null, values[index] ?? null);
      if (kind !== null) found.push({ kind, key });
    }
    atOnce.saw(values);
    from += some.length;
  }
  return found;
}

async function readBetweenRevisions(
  { destination, comparable }: RecheckOptions,
  keys: readonly Buffer[],
  signal: AbortSignal,
): Promise<{ position: Position; values: readonly (Buffer | null)[] }> {
  for (let attempt = 1; ; attempt++) {
    const { checkpoint, values } = await destination.read(keys, signal);
    if (checkpoint?.partial == null || attempt === BETWEEN_PARTS.attempts) {
      return { position: comparable(checkpoint).position, values };
    }
    await sleep(BETWEEN_PARTS.pauseMs, signal);
  }
}

/** As the comparison knew it. */
function wantedBy(suspect: Difference): Buffer | null {
  return suspect.kind === 'extra' ? null : suspect.value;
}

function wantedValues(
  options: RecheckOptions,
  { keys, revision }: { readonly keys: readonly Buffer[]; readonly revision: number },
  signal: AbortSignal,
): Promise<readonly (Buffer | null)[]> {
  return Promise.all(keys.map((key) => wantedValue(options, { key, revision }, signal)));
}

function kindOf(wanted: Buffer | null, actual: Buffer | null): Difference['kind'] | null {
  if (wanted === null) return actual === null ? null : 'extra';
  if (actual === null) return 'missing';
  return wanted.equals(actual) ? null : 'different';
}
