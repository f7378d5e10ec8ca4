import { parseRecordLine } from '@tidemark/api';
import {
  audit,
  CONFTOOL_PREFIX,
  conftoolKeyspace,
  EtcdGateway,
  type EtcdServer,
  type HistoryEvent,
  loadKeys,
  localServers,
  type NatsServer,
  Pipeline,
  poolValue,
  Random,
  readKeys,
  type Servers,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const SEED = 20_240_228;
const LOCKS = '/spicerack/locks/';

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;
let pipeline: Pipeline;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
  const routes = [{ prefix: '/conftool/' }];
  const destinations = [{ name: 'replica', kind: 'etcd', endpoints: [destination.url], routes }];
  pipeline = await Pipeline.prepare({ source, nats, destinations });
});

afterAll(async () => {
  await pipeline[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
});

/** More events than etcd v2's whole history, none of them under a replicated prefix. */
async function cookbookLocks(gateway: EtcdGateway, count: number): Promise<void> {
  for (let lock = 0; lock < count; lock++) await gateway.put(`${LOCKS}${lock % 7}`, String(lock));
}

it('a quiet prefix, 1,500 unrelated changes, all nodes down, compaction to the head: equal, and nothing else touched', async () => {
  const random = new Random(SEED);
  const atSource = new EtcdGateway(source.url);
  const atDestination = new EtcdGateway(destination.url);
  await loadKeys(source, conftoolKeyspace({ seed: SEED, keys: 800 }));
  await pipeline.start();
  await pipeline.anyNode.reached('replica', await atSource.revision());

  // While it runs: the position moves although nothing of interest changes.
  await cookbookLocks(atSource, 1500);
  const quiet = await pipeline.anyNode.reached('replica', await atSource.revision());
  expect(quiet.lagRevisions).toBe(0);

  // All nodes down. Meanwhile a few keys of interest change, locks go on, and the source forgets all of it.
  await pipeline.kill();
  const before = await readKeys({ server: destination, prefix: '/conftool/' });
  const names = [...before.keys()].toSorted();
  const changed = new Map<string, string>(names.slice(10, 15).map((key) => [key, `${poolValue(random)} `]));
  const deleted = names.slice(20, 23);
  const created = `${CONFTOOL_PREFIX}pools/north/web/http/web9999.north.example`;
  for (const [key, value] of changed) await atSource.put(Buffer.from(key, 'latin1'), value);
  for (const key of deleted) await atSource.delete(Buffer.from(key, 'latin1'));
  await atSource.put(created, poolValue(random));
  await cookbookLocks(atSource, 1500);
  await atSource.compact(await atSource.revision());
  const lastBefore = await atDestination.revision();

  await pipeline.start();
  await pipeline.anyNode.reached('replica', await atSource.revision());

  expect(await resets(pipeline)).toEqual(['first_start', 'compacted']);
  const result = await audit({
    source: { server: source, prefix: '/conftool/' },
    destination: { server: destination, prefix: '/conftool/' },
  });
  expect(result).toEqual({ keys: 800 - 3 + 1, differences: [] });

  // The destination's own history since then: exactly the keys that differed, each once.
  const history = await atDestination.history(lastBefore + 1, await atDestination.revision());
  const touched = history.filter(({ key }) => !key.startsWith('/__tidemark/'));
  const describe = ({ kind, key }: HistoryEvent) => `${kind} ${key}`;
  const expected = [
    ...[...changed.keys(), created].map((key) => `put ${key}`),
    ...deleted.map((key) => `delete ${key}`),
  ];
  expect(new Set(touched.map(describe))).toEqual(new Set(expected));
  expect(touched).toHaveLength(expected.length);
  // Nothing vanished before it was rewritten: deletes come last.
  expect(touched.map(({ kind }) => kind).lastIndexOf('put')).toBeLessThan(
    touched.map(({ kind }) => kind).indexOf('delete'),
  );
});

/** Why history began again, in order, from the journal. */
async function resets(running: Pipeline): Promise<string[]> {
  const { stdout } = await running.anyNode.command('journal', 'cat', '-o', 'json');
  const records = stdout.trim().split('\n').map(parseRecordLine);
  return records.flatMap((record) => (record.kind === 'reset' ? [record.reason] : []));
}
