import {
  audit,
  EtcdGateway,
  type EtcdServer,
  localServers,
  Pipeline,
  RawJournal,
  TIDEMARK,
  until,
} from '@tidemark/testing';
import { BACKLOG_PREFIX, BACKLOG_VALUE, backlogKey, putBacklog } from '../measure/backlog-puts.js';
import { checkpointAt, openDirect, packed } from '../measure/direct.js';
import { GatewayConnection } from '../measure/gateway-connection.js';
import { untilTrue, WrongResultError } from '../measure/judge.js';
import { PeerProcess } from '../measure/peer-process.js';
import { peakRssMiB } from '../measure/proc.js';
import type { Bench } from '../options.js';

export interface ApplyBacklog {
  readonly revisions: number;
  /** From the start of the worker's process until the destination has the last revision. */
  readonly seconds: number;
  /** Transactions that the revisions became. */
  readonly transactions: number;
  /** The same writes sent to another etcd by this process, one full transaction after the other. */
  readonly directSeconds: number;
  readonly directTransactions: number;
  readonly peakRssMiB: number;
}

/** The last revision of the backlog, known by its key. */
const LAST = `${BACKLOG_PREFIX}last`;
const LIMIT_MS = 120_000;

/** A worker that was away while the journal went on: how fast it applies what it missed. */
export async function applyBacklog({ sizes, profileTo }: Bench): Promise<ApplyBacklog> {
  await using servers = localServers();
  const [source, destination, nats] = [await servers.etcd(), await servers.etcd(), await servers.nats()];
  const routes = [{ prefix: BACKLOG_PREFIX }];
  await using pipeline = await Pipeline.prepare({
    source,
    nats,
    destinations: [{ name: 'copy', kind: 'etcd', endpoints: [destination.url], routes }],
    roles: [['leader'], ['worker']],
  });
  await pipeline.start();
  const [, worker] = pipeline.nodes;
  if (worker === undefined) throw new Error('the pipeline has no worker');
  const gateway = new EtcdGateway(source.url);
  await gateway.put(backlogKey(0), BACKLOG_VALUE);
  await worker.reached('copy', await gateway.revision());
  await worker.stop();

  await putBacklog(source.address, sizes.backlogRevisions - 1);
  await gateway.put(LAST, BACKLOG_VALUE);
  await journaled(nats, await gateway.revision());

  const client = await GatewayConnection.open(destination.address);
  const before = await client.revision();
  const profiling = profileTo === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileTo}`];
  const begun = performance.now();
  await using peer = new PeerProcess('tidemark', {
    command: process.execPath,
    args: [...profiling, TIDEMARK, 'run', '-c', worker.configFile],
  });
  await untilTrue('the last revision at the destination', peer, async () => (await client.count(LAST, 'key')) === 1);
  const seconds = (performance.now() - begun) / 1_000;
  const transactions = (await client.revision()) - before;
  client.close();
  const memory = peakRssMiB(peer.pid);
  await mustBeEqual(source, destination);
  const another = await servers.etcd();
  return {
    revisions: sizes.backlogRevisions,
    seconds,
    transactions,
    ...(await direct(another, sizes.backlogRevisions)),
    peakRssMiB: memory,
  };
}

async function journaled(nats: { readonly address: string }, revision: number): Promise<void> {
  const journal = await RawJournal.open(nats, 'TIDEMARK_test');
  await until(async () => Number((await journal.last()).headers.get('Tidemark-Last')) >= revision, {
    timeoutMs: LIMIT_MS,
    everyMs: 50,
    describe: `revision ${revision} in the journal`,
  });
  journal.close();
}

/** The writes of a backlog without source, journal and worker. Each transaction compares the checkpoint of the one before. */
async function direct(
  server: EtcdServer,
  revisions: number,
): Promise<Pick<ApplyBacklog, 'directSeconds' | 'directTransactions'>> {
  const destination = openDirect(server.url);
  const { signal } = new AbortController();
  const value = Buffer.from(BACKLOG_VALUE);
  const writes = Array.from(
    { length: revisions },
    (_, index) => ({ kind: 'put', key: Buffer.from(backlogKey(index)), value }) as const,
  );
  const batches = packed(writes, destination.limits);
  await destination.apply({ writes: [], expected: null, next: checkpointAt(0) }, signal);

  const begun = performance.now();
  for (const [index, batch] of batches.entries()) {
    await destination.apply({ writes: batch, expected: checkpointAt(index), next: checkpointAt(index + 1) }, signal);
  }
  const directSeconds = (performance.now() - begun) / 1_000;
  await destination.close();
  return { directSeconds, directTransactions: batches.length };
}

/** Byte by byte, through etcdctl. @throws WrongResultError */
async function mustBeEqual(source: EtcdServer, destination: EtcdServer): Promise<void> {
  const result = await audit({
    source: { server: source, prefix: BACKLOG_PREFIX },
    destination: { server: destination, prefix: BACKLOG_PREFIX },
  });
  const [first] = result.differences;
  if (first === undefined) return;
  throw new WrongResultError(`backlog: ${result.differences.length} keys differ, the first is ${first.key}`);
}
