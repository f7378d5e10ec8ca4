import {
  bytesToJson,
  differencesToJson,
  type Handlers,
  openapiDocument,
  type RecordLine,
  recordToJson,
} from '@tidemark/api';
import { hasPrefix, type JournalRecord } from '@tidemark/core';
import { NotLeadingError } from '@tidemark/leader';
import { VERSION } from '../base/version.js';
import type { Node } from '../node/node.js';
import { FORWARDED, type Forwarding } from './forwarding.js';
import { renderPage } from './page.js';

type Operations = Handlers['operations'];
type OfDestinations = Pick<
  Operations,
  'verify' | 'plan' | 'hold' | 'approve' | 'pause' | 'resume' | 'resync' | 'repair'
>;

/** What each path of the admin HTTP does. `address` is the one that this node listens on. */
export function handlersOf(view: Node, forwarding: Forwarding, address: string): Handlers {
  return {
    operations: {
      readyz: () => ({ ready: view.ready, hops: view.hops }),
      openapi: () => openapiDocument(VERSION),
      nodeStatus: () => view.status(),
      status: ({ signal }) => view.pipelineStatus(signal),
      journalInfo: ({ signal }) => view.journalInfo(signal),
      snapshots: ({ signal }) => view.snapshots(signal),
      createSnapshot: (request) =>
        forwarding.atLeader(
          request,
          () => view.createSnapshot(),
          (leader) => leader.call('createSnapshot', { query: FORWARDED }),
        ),
      stepDown: (request) =>
        forwarding.atLeader(
          request,
          () => stepDown(view),
          (leader) => leader.call('stepDown', { query: FORWARDED }),
        ),
      ...destinationHandlers(view, forwarding),
    },
    texts: {
      page: async ({ signal }) => String(await renderPage(await view.pipelineStatus(signal), address)),
      healthz: () => 'ok\n',
      metrics: () => view.metrics(),
    },
    streams: { records: ({ query, signal }) => lines(view.records(query.from ?? 0, signal), query) },
  };
}

function destinationHandlers({ verbs }: Node, forwarding: Forwarding): OfDestinations {
  return {
    verify: async ({ params: { name }, signal }) => differencesToJson(await verbs.verify(name, signal)),
    plan: async ({ params: { name }, body, signal }) =>
      differencesToJson(await verbs.plan(name, body.routes ?? null, signal)),
    hold: async ({ params: { name }, signal }) => ({ hold: await verbs.hold(name, signal) }),
    approve: async ({ params: { name }, body, signal }) => ({ approved: await verbs.approve(name, body, signal) }),
    pause: async ({ params: { name }, body, signal }) => ({ paused: await verbs.pause(name, body.by, signal) }),
    resume: async ({ params: { name }, signal }) => {
      await verbs.resume(name, signal);
      return { resumed: true };
    },
    resync: async ({ params: { name }, body, signal }) => ({ ordered: await verbs.resync(name, body.by, signal) }),
    repair: (request) =>
      forwarding.atOwner(
        request,
        async () => {
          const { found, repaired, left } = await verbs.repair(request.params.name, request.signal);
          const refused = repaired.refused.map(({ key, reason }) => ({ key: bytesToJson(key), reason }));
          const written = { ...repaired, refused };
          return { found: differencesToJson(found), repaired: written, left: differencesToJson(left) };
        },
        (owner) => owner.call('repair', { params: request.params, query: FORWARDED }),
      ),
  };
}

/** @throws NotLeadingError */
async function stepDown(view: Node): Promise<{ steppedDown: true }> {
  if (view.stepDown()) return { steppedDown: true };
  throw new NotLeadingError({ message: 'This node does not lead.', remedy: 'See `tidemark status`.' });
}

interface Wanted {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly prefix?: string | undefined;
}

/** The records between the revisions; with a prefix, only those that have such a key. */
async function* lines(
  records: AsyncIterable<JournalRecord>,
  { from = 0, to = Number.MAX_SAFE_INTEGER, prefix: text = '' }: Wanted,
): AsyncGenerator<RecordLine> {
  const prefix = Buffer.from(text);
  for await (const record of records) {
    if (record.previous >= to) return;
    if (record.revision >= from && (prefix.length === 0 || touches(record, prefix))) yield recordToJson(record, prefix);
  }
}

function touches(record: JournalRecord, prefix: Buffer): boolean {
  if (record.kind !== 'batch') return false;
  return record.entries.some(({ changes }) => changes.some(({ key }) => hasPrefix(key, prefix)));
}
