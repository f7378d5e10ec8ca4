/**
 * What `npm start` runs: three Tidemark nodes between a real etcd, another one and a Redis, and the incident that started
 * the project, in small. With `--once` it checks itself and ends; without, it stays up until Ctrl-C.
 */
import { once } from 'node:events';
import {
  audit,
  conftoolKeyspace,
  differing,
  EtcdGateway,
  type EtcdServer,
  loadKeys,
  localServers,
  Pipeline,
  poolValue,
  Random,
  type RedisServer,
  readKeys,
  readRedisKeys,
  type Servers,
} from '@tidemark/testing';
import { formatMs, measure, Story, statusAddress } from './story.js';

const SEED = 20_240_228;
const KEYS = 5_000;
const UNRELATED_CHANGES = 1_500;
const PREFIX = '/conftool/';
/** Of all keys at Redis. */
const KEY_PREFIX = 'conf:';

interface Stage {
  readonly source: EtcdServer;
  readonly destination: EtcdServer;
  readonly redis: RedisServer;
  readonly pipeline: Pipeline;
  readonly atSource: EtcdGateway;
  readonly atDestination: EtcdGateway;
  readonly story: Story;
}

async function main(): Promise<void> {
  const stayUp = !process.argv.includes('--once');
  const servers = localServers();
  const story = new Story();
  try {
    await using stage = await setTheStage(servers, story);
    await replicate(stage);
    await killTheLeader(stage);
    await theIncident(stage);
    await conclude(stage);
    if (stayUp) await untilInterrupted(stage);
  } finally {
    await servers[Symbol.asyncDispose]();
  }
}

async function setTheStage(servers: Servers, story: Story): Promise<Stage & AsyncDisposable> {
  story.chapter('Servers');
  const [source, destination] = await Promise.all([servers.etcd(), servers.etcd()]);
  const [redis, nats] = await Promise.all([servers.redis(), servers.nats()]);
  story.tell(`source etcd ${source.url}, journal ${nats.url}`);
  story.tell(`destinations: etcd ${destination.url}, ${redis.url}`);
  const routes = [{ prefix: PREFIX }];
  const destinations = [
    { name: 'replica', kind: 'etcd', endpoints: [destination.url], routes },
    { name: 'cache', kind: 'redis', url: redis.url, keyPrefix: KEY_PREFIX, routes },
  ];
  const pipeline = await Pipeline.prepare({ source, nats, destinations });
  const atSource = new EtcdGateway(source.url);
  const atDestination = new EtcdGateway(destination.url);
  const dispose = () => pipeline[Symbol.asyncDispose]();
  return { source, destination, redis, pipeline, atSource, atDestination, story, [Symbol.asyncDispose]: dispose };
}

async function replicate({ source, pipeline, atSource, story }: Stage): Promise<void> {
  story.chapter('Replication');
  await loadKeys(source, conftoolKeyspace({ seed: SEED, keys: KEYS }));
  story.tell(`loaded ${KEYS} conftool-shaped keys into the source`);
  const began = performance.now();
  await pipeline.start();
  const seen = await pipeline.anyNode.reached('replica', await atSource.revision());
  await pipeline.anyNode.reached('cache', seen.revision);
  const leader = await pipeline.leader();
  story.tell(
    `three nodes up, ${leader.id} leads; both destinations are complete ${formatMs(performance.now() - began)} after their start`,
  );
  story.tell(`position: revision ${seen.revision}, lag ${seen.lagRevisions} revisions`);
}

async function killTheLeader({ pipeline, atSource, atDestination, story }: Stage): Promise<void> {
  story.chapter('kill -9 of the leader');
  const key = `${PREFIX}v1/pools/north/web/http/web0001.north.example`;
  const leader = await pipeline.leader();
  await leader.kill();
  const revision = await atSource.put(key, '{"pooled": "no", "weight": 10}');
  story.tell(`killed ${leader.id}, then changed a key at the source (revision ${revision})`);
  const took = await measure('the change at the replica', async () => (await atDestination.get(key))?.includes('"no"'));
  const next = await pipeline.leader();
  story.tell(`${next.id} leads now; the change was at the replica after ${formatMs(took)} (lease: 2 s)`);
  await leader.start();
  story.tell(`${leader.id} is back, as a standby`);
}

async function theIncident(stage: Stage): Promise<void> {
  const { source, destination, redis, pipeline, atSource, atDestination, story } = stage;
  story.chapter('2024-02-28 in small: a quiet prefix, a busy neighbour, a stop, a compaction');
  await unrelatedChanges(atSource);
  const quiet = await pipeline.anyNode.reached('replica', await atSource.revision());
  story.tell(`${UNRELATED_CHANGES} changes outside ${PREFIX}: the position moved along to revision ${quiet.revision}`);
  await pipeline.kill();
  const names = [...(await readKeys({ server: source, prefix: PREFIX })).keys()].toSorted();
  const random = new Random(SEED);
  for (const name of names.slice(0, 4)) await atSource.put(Buffer.from(name, 'latin1'), `${poolValue(random)} `);
  await atSource.delete(Buffer.from(names[10] ?? '', 'latin1'));
  await unrelatedChanges(atSource);
  const head = await atSource.revision();
  await atSource.compact(head);
  story.tell(
    `all nodes down: 4 keys changed, 1 deleted, ${UNRELATED_CHANGES} more unrelated changes, history compacted to ${head}`,
  );
  const before = await atDestination.revision();
  const began = performance.now();
  await pipeline.start();
  await pipeline.anyNode.reached('replica', await atSource.revision());
  const took = formatMs(performance.now() - began);
  const history = await atDestination.history(before + 1, await atDestination.revision());
  const touched = history.filter(({ key }) => key.startsWith(PREFIX));
  const puts = touched.filter(({ kind }) => kind === 'put').length;
  story.tell(
    `restarted, healed by difference ${took} after start: ${puts} puts and ${touched.length - puts} delete at the replica, nothing else`,
  );
  if (puts !== 4 || touched.length !== 5)
    throw new Error('the replica saw other writes than the five keys that differed');
  const { keys, differences } = await audit({
    source: { server: source, prefix: PREFIX },
    destination: { server: destination, prefix: PREFIX },
  });
  if (differences.length > 0) throw new Error(`the replica differs in ${differences.length} keys`);
  story.tell(`etcdctl on both sides: ${keys} keys, byte for byte equal`);
  await pipeline.anyNode.reached('cache', await atSource.revision());
  const wanted = await readKeys({ server: source, prefix: PREFIX });
  const strays = differing(wanted, await readRedisKeys(redis, KEY_PREFIX));
  if (strays.length > 0) throw new Error(`Redis differs in ${strays.length} keys`);
  story.tell(`redis-cli: the same ${wanted.size} keys, byte for byte equal`);
}

async function unrelatedChanges(gateway: EtcdGateway): Promise<void> {
  for (let change = 0; change < UNRELATED_CHANGES; change++)
    await gateway.put(`/spicerack/locks/${change % 7}`, `${change}`);
}

async function conclude({ pipeline, story }: Stage): Promise<void> {
  story.chapter('Check');
  for (const name of ['replica', 'cache']) {
    const verified = await pipeline.anyNode.command('verify', name);
    if (verified.code !== 0) throw new Error(`tidemark verify ${name}: ${verified.stdout}${verified.stderr}`);
    story.tell(`tidemark verify ${name}: ${verified.stdout.trim()}`);
  }
  story.tell(`most memory a node ever used: ${Math.round(pipeline.peakRssMiB)} MiB`);
}

async function untilInterrupted({ source, destination, redis, pipeline, story }: Stage): Promise<void> {
  const node = pipeline.anyNode;
  story.chapter('Everything stays up until Ctrl-C. Try:');
  process.stdout.write(
    [
      `  etcdctl --endpoints=${source.address} put ${PREFIX}hello world`,
      `  etcdctl --endpoints=${destination.address} get ${PREFIX}hello`,
      `  redis-cli -p ${redis.address.split(':')[1]} get ${KEY_PREFIX}${PREFIX}hello`,
      `  node packages/cli/dist/tidemark.mjs -c ${node.configFile} status`,
      `  status page: ${statusAddress(node)}`,
      '',
    ].join('\n'),
  );
  const stop = new AbortController();
  await Promise.race([
    once(process, 'SIGINT', { signal: stop.signal }),
    once(process, 'SIGTERM', { signal: stop.signal }),
  ]);
  stop.abort();
}

await main();
