import * as z from 'zod';
import { routeSchema } from '../config/schema.js';
import { holdSchema } from '../model/hold.js';
import { positionSchema } from '../model/position.js';
import type { FactKind } from './fact.js';

/** Every fact about a destination is below this. */
export const DESTINATION_FACTS = 'destinations/';
/** Every request for a snapshot is below this. */
export const SNAPSHOT_REQUESTS = 'snapshots/requested/';

/** Who ordered something, and when. */
const ordered = {
  /** `user@host`, as the one who asked said. */
  by: z.string(),
  /** RFC 3339. */
  at: z.string(),
};
/** Of an order that has an identity of its own. */
const numbered = { id: z.string(), ...ordered };

function kind<T>(about: FactKind<T>): FactKind<T> {
  return about;
}

const pause = z.object(ordered);
const numberedOrder = z.object(numbered);

/** Somebody paused a destination. */
export type Pause = z.output<typeof pause>;
/** Somebody ordered a resync of a destination; the id is the order's own. */
export type ResyncOrder = z.output<typeof numberedOrder>;
/** Somebody approved what waits; the id is that of the hold. */
export type Approval = z.output<typeof numberedOrder>;

export const PAUSE = kind<Pause>({
  name: `${DESTINATION_FACTS}{destination}/pause`,
  schema: pause,
  says: 'Somebody paused the destination: who, and when.',
  writer: '`tidemark pause`',
  remover: '`tidemark resume`',
  lifetime: 'Until resumed. When it is deleted, the destination continues.',
});

export const QUIESCED = kind<Pause>({
  name: `${DESTINATION_FACTS}{destination}/quiesced`,
  schema: pause,
  says: 'The pause of the same `by` and `at` is in force: no transaction is in flight, and none is in doubt.',
  writer: 'the owner',
  remover: '`tidemark resume`',
  lifetime:
    'As long as the pause. When it is deleted, the next owner moves the fence once more before it reports `paused`.',
});

export const RESYNC_ORDER = kind<ResyncOrder>({
  name: `${DESTINATION_FACTS}{destination}/resync`,
  schema: numberedOrder,
  says: 'Somebody ordered a resync: who, when, and the id of the order.',
  writer: '`tidemark resync`',
  remover: 'the owner, when the resync is done',
  lifetime: 'Until it is carried out. When it is deleted, the order is withdrawn.',
});

export const HOLD = kind({
  name: `${DESTINATION_FACTS}{destination}/hold`,
  schema: holdSchema,
  says: 'A brake holds the destination: which brake, the evidence, and what an approval would release.',
  writer: 'the owner',
  remover: 'the owner, when what it held is applied or no longer due',
  lifetime: 'As long as the hold. When it is deleted, the owner writes it again.',
});

export const APPROVAL = kind<Approval>({
  name: `${DESTINATION_FACTS}{destination}/approval`,
  schema: numberedOrder,
  says: 'Somebody approved the hold of this id: who, and when.',
  writer: '`tidemark approve`',
  remover: 'the owner, when what was approved is applied',
  lifetime: 'Until carried out. When it is deleted before that, the destination stays held.',
});

export const OFF_JOURNAL = kind({
  name: `${DESTINATION_FACTS}{destination}/off-journal`,
  schema: z.object({ offJournal: z.int().min(0) }),
  says: 'The newest off-journal write (resync or repair) that was begun: the number that its checkpoint carries in `fence`.',
  writer: 'the owner, before the write',
  remover: 'nobody',
  lifetime:
    'For good. When it is deleted, a destination that loses its newest writes is not recognised until the next resync or repair.',
});

export const ROUTES = kind({
  name: `${DESTINATION_FACTS}{destination}/routes/{fingerprint}`,
  schema: z.array(routeSchema).min(1),
  says: 'The routes under which the destination was written. After a change of routes, their left-over keys can be deleted.',
  writer: 'the owner, before it writes under these routes',
  remover: 'the owner, when a resync under other routes is done',
  lifetime: 'As long as the destination may hold keys of these routes. When it is deleted, their left-over keys stay.',
});

export const JOURNAL_HINT = kind({
  name: 'journal-hint',
  schema: z.object({ journal: z.string(), position: positionSchema }),
  says: 'Which journal the leader writes, and the position it had reached.',
  writer: 'the leader, at a reset and at most once a minute',
  remover: 'nobody',
  lifetime: 'For good. When it is deleted, a lost journal looks like a first start until the leader writes it again.',
});

export const SNAPSHOT_REQUEST = kind({
  name: `${SNAPSHOT_REQUESTS}{destination}`,
  schema: positionSchema,
  says: 'The destination waits for a snapshot at this position or a later one.',
  writer: 'the owner',
  remover: 'the owner, when it has one',
  lifetime: 'Until fulfilled. When it is deleted, the destination waits for the next scheduled snapshot.',
});

/** Every kind of fact there is. */
export const FACT_KINDS: readonly FactKind<unknown>[] = [
  ...[PAUSE, QUIESCED, RESYNC_ORDER, HOLD, APPROVAL, OFF_JOURNAL, ROUTES],
  ...[JOURNAL_HINT, SNAPSHOT_REQUEST],
];
