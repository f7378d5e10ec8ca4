import {
  type EtcdGateway,
  type EtcdServer,
  FaultProxy,
  type GatewayOperation,
  loadKeys,
  localServers,
  type NatsServer,
  readRawJournal,
  type Servers,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stage } from './support/stage.js';

/** What etcd takes in one transaction by default. */
const OPERATIONS = 128;
/** etcd's default --max-request-bytes. */
const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;
const MAX_RSS_MIB = 300;

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
});

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

/** One node, with coordination out of the source, whose every revision is then the test's own. */
const alone = () => ({ nodes: 1, coordination: { endpoints: [destination.url] } });

function* keys(prefix: string, count: number) {
  for (let n = 0; n < count; n++) yield { key: `${prefix}${String(n).padStart(6, '0')}`, value: `value ${n}` };
}

/** Parts of the record that ends at a source revision, as its header shows them: `last/count`. */
async function partsOf(play: Stage, revision: number): Promise<string> {
  const messages = await readRawJournal(nats, play.stream);
  const record = messages.find(
    ({ headers }) => headers.get('Tidemark-Kind') === 'batch' && Number(headers.get('Tidemark-Last')) === revision,
  );
  return record?.headers.get('Tidemark-Part') ?? 'whole';
}

describe('one revision with very many changes', () => {
  it('100,000 keys deleted by prefix: equal, in bounded memory', async () => {
    await using play = await Stage.prepare('prefix', { source, destination, nats }, alone());
    await loadKeys(source, keys(`${play.prefix}doomed/`, 100_000));
    await play.write('kept', 10);
    await play.pipeline.start();
    await play.reached(undefined, 120_000);

    const before = await play.source.revision();
    const deleted = await source.etcdctl(['del', '--prefix', `${play.prefix}doomed/`]);
    expect(deleted.toString().trim()).toBe('100000');
    // The fault happened: it was one revision.
    expect(await play.source.revision()).toBe(before + 1);
    await play.reached(undefined, 120_000);
    expect(await partsOf(play, before + 1)).not.toBe('whole');
    await play.expectEqual(10);
    await play.expectOneChain();
    expect(play.pipeline.peakRssMiB).toBeLessThan(MAX_RSS_MIB);
  });

  it('50,000 keys of a lease that is revoked: equal, in bounded memory', async () => {
    await using play = await Stage.start('lease', { source, destination, nats }, alone());
    const lease = await play.source.grantLease(3_600);
    const puts: GatewayOperation[] = [];
    for (const { key, value } of keys(`${play.prefix}leased/`, 50_000)) {
      puts.push({ kind: 'put', key: Buffer.from(key), value: Buffer.from(value), lease });
      if (puts.length === OPERATIONS) await play.source.transaction(puts.splice(0));
    }
    await play.source.transaction(puts);
    await play.write('kept', 10);
    await play.reached(undefined, 120_000);

    const before = await play.source.revision();
    await play.source.revokeLease(lease);
    expect(await play.source.revision()).toBe(before + 1);
    await play.reached(undefined, 120_000);
    await play.expectEqual(10);
    await play.expectOneChain();
    expect(play.pipeline.peakRssMiB).toBeLessThan(MAX_RSS_MIB);
  });
});

describe('a revision larger than a NATS message', () => {
  it('the largest values that etcd takes, with the default payload of 1 MiB: equal, in bounded memory', async () => {
    await using play = await Stage.start('value', { source, destination, nats }, alone());
    const value = Buffer.alloc(MAX_REQUEST_BYTES - 1024, 'x');
    await play.reached();
    let last = 0;
    for (let n = 0; n < 10; n++) last = await play.source.put(`${play.prefix}large/${n}`, value);
    await expect(play.source.put(`${play.prefix}larger`, Buffer.alloc(MAX_REQUEST_BYTES, 'x'))).rejects.toThrow(
      /too large/,
    );
    await play.reached(undefined, 60_000);
    expect(await partsOf(play, last)).toMatch(/^\d+\/\d+$/);
    await play.expectEqual(10);
    await play.expectSameVersions();
    await play.expectOneChain();
    expect(play.pipeline.peakRssMiB).toBeLessThan(MAX_RSS_MIB);
  });

  it('the leader is killed between two parts: the next one abandons them and goes on', async () => {
    await using proxy = await FaultProxy.start(nats.address);
    const through = { nats: { url: `nats://${proxy.address}` }, nodes: 2 };
    await using play = await Stage.start('parts', { source, destination, nats }, through);
    await play.write('before', 10);
    await play.reached();
    const leader = await play.pipeline.leader();

    // The middle part is stored, and its writer is never answered: the last part is not sent.
    proxy.loseReplyTo('Tidemark-Part: 1/');
    const { length } = await readRawJournal(nats, play.stream);
    const puts = [...keys(`${play.prefix}wide/`, 3)].map(({ key }) => Buffer.from(key));
    const value = Buffer.alloc(MAX_REQUEST_BYTES / 4, 'y');
    await loadWide(play.source, puts, value);
    const cut = await until(
      async () => {
        const last = (await readRawJournal(nats, play.stream)).at(-1);
        return last?.headers.get('Tidemark-Part')?.startsWith('1/') && last;
      },
      { describe: 'a part in the middle as the end of the journal', everyMs: 5 },
    );
    await leader.kill();
    expect(cut.sequence).toBeGreaterThan(length);
    expect(proxy.counters.droppedReplies).toBeGreaterThan(0);

    const next = await play.pipeline.leader();
    expect(next.id).not.toBe(leader.id);
    await play.write('after', 10);
    await play.reached(next);
    const after = (await readRawJournal(nats, play.stream)).find(({ sequence }) => sequence === cut.sequence + 1);
    expect(after?.headers.get('Tidemark-Kind')).toBe('term');
    await play.expectOneChain();
    await play.expectEqual(23);
    await play.expectSameVersions();
  });
});

/** One revision of more bytes than a NATS message holds. */
async function loadWide(gateway: EtcdGateway, wide: readonly Buffer[], value: Buffer): Promise<void> {
  await gateway.transaction(wide.map((key) => ({ kind: 'put', key, value })));
}
