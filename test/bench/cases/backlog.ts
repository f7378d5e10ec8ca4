import { EtcdGateway, localServers, Pipeline, RawJournal, type RawMessage, until } from '@tidemark/testing';
import { BACKLOG_VALUE, backlogKey, putBacklog } from '../measure/backlog-puts.js';
import type { Bench } from '../options.js';

export interface Backlog {
  readonly revisions: number;
  /** From the next leader's term record until the journal holds all of the backlog, by nats-server's own clock. */
  readonly journaledSeconds: number;
  /** One watch of the same revisions on the same etcd, by a client that only counts events. */
  readonly oneWatchSeconds: number;
  readonly peakRssMiB: number;
}

const LIMIT_MS = 120_000;

/** A leader that was away while the source went on: how fast it journals what it missed. */
export async function backlog({ sizes }: Bench): Promise<Backlog> {
  await using servers = localServers();
  const [source, destination, nats] = [await servers.etcd(), await servers.etcd(), await servers.nats()];
  const routes = [{ prefix: '/nothing/' }];
  await using pipeline = await Pipeline.start({
    source,
    nats,
    nodes: 1,
    destinations: [{ name: 'copy', kind: 'etcd', endpoints: [destination.url], routes }],
  });
  const gateway = new EtcdGateway(source.url);
  const node = await pipeline.leader();
  await gateway.put(backlogKey(0), BACKLOG_VALUE);
  await node.reached('copy', await gateway.revision());
  await node.stop();

  const from = (await gateway.revision()) + 1;
  await putBacklog(source.address, sizes.backlogRevisions);
  const head = await gateway.revision();
  const journal = await RawJournal.open(nats, 'TIDEMARK_test');
  const { last } = await journal.bounds();
  await node.start();
  const messages = await until(
    async () => {
      const written = Number((await journal.last()).headers.get('Tidemark-Last'));
      return written >= head ? await journal.read(last + 1) : null;
    },
    { timeoutMs: LIMIT_MS, everyMs: 50, describe: `revision ${head} in the journal` },
  );
  journal.close();

  const begun = performance.now();
  await gateway.history(from, head);
  const oneWatchSeconds = (performance.now() - begun) / 1_000;
  return {
    revisions: head - from + 1,
    journaledSeconds: secondsBetweenTermAnd(messages, head),
    oneWatchSeconds,
    peakRssMiB: node.peakRssMiB,
  };
}

function secondsBetweenTermAnd(messages: readonly RawMessage[], head: number): number {
  const term = messages.find(({ headers }) => headers.get('Tidemark-Kind') === 'term');
  const end = messages.find(({ headers }) => Number(headers.get('Tidemark-Last')) >= head);
  return ((end?.storedAt ?? Number.NaN) - (term?.storedAt ?? Number.NaN)) / 1_000;
}
