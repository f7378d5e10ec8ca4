import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { localServers, type NatsCluster, type NatsServer, RawNats, type Servers, until } from '../src/index.js';

const STREAM = 'REPLICATED';

interface Answer {
  readonly seq?: number;
  readonly error?: { readonly description: string };
  readonly state?: { readonly last_seq: number };
  readonly cluster?: { readonly leader: string; readonly replicas?: readonly { current: boolean }[] };
}

describe('a NATS cluster', () => {
  let servers: Servers;
  let cluster: NatsCluster;

  beforeAll(async () => {
    servers = localServers();
    cluster = await servers.natsCluster();
    const [first] = cluster.servers;
    if (first === undefined) throw new Error('the cluster has no server');
    const created = await ask(first, `$JS.API.STREAM.CREATE.${STREAM}`, {
      name: STREAM,
      subjects: ['replicated'],
      num_replicas: 3,
    });
    expect(created.error).toBeUndefined();
  });

  beforeEach(() => cluster.heal());

  afterAll(() => servers[Symbol.asyncDispose]());

  const info = (server: NatsServer): Promise<Answer> => ask(server, `$JS.API.STREAM.INFO.${STREAM}`, '', 2_000);
  const other = (than: NatsServer): NatsServer => {
    const found = cluster.servers.find((server) => server !== than);
    if (found === undefined) throw new Error('the cluster has one server');
    return found;
  };

  it('replicates a stream to all three servers', async () => {
    for (const server of cluster.servers) {
      // Who stores it may not know yet to which server the answer goes: core NATS drops it then.
      const stored = async () => (await ask(server, 'replicated', 'message', 1_000)).seq;
      expect(await until(stored, { timeoutMs: 30_000, describe: 'an answer' })).toBeGreaterThan(0);
    }
    const leader = await cluster.streamLeader(STREAM);
    await until(async () => (await info(leader)).cluster?.replicas?.every(({ current }) => current), {
      describe: 'two current replicas',
    });
    expect((await info(leader)).cluster?.replicas).toHaveLength(2);
    expect(cluster.servers).toContain(await cluster.leader());
    expect(cluster.urls).toHaveLength(3);
  });

  it('elects another stream leader when one is killed, with all messages', async () => {
    const leader = await cluster.streamLeader(STREAM);
    const { seq } = await ask(other(leader), 'replicated', 'before');
    await leader.kill();
    const next = await cluster.streamLeader(STREAM);
    expect(next).not.toBe(leader);
    expect((await info(next)).state?.last_seq).toBe(seq);
    await leader.start();
    await cluster.leader();
  });

  it('isolates a stream leader that clients still reach: it can store nothing', async () => {
    const leader = await cluster.streamLeader(STREAM);
    const before = (await info(leader)).state?.last_seq ?? 0;
    cluster.isolate(leader);
    const next = await cluster.streamLeader(STREAM);
    expect(next).not.toBe(leader);
    // The first publishes may still be sent the old leader's way.
    const stored = await until(async () => (await ask(next, 'replicated', 'after', 1_000)).seq, {
      timeoutMs: 30_000,
      describe: 'the majority to store a message',
    });
    expect(stored).toBeGreaterThan(before);
    await expect(ask(leader, 'replicated', 'from the minority', 1_000)).rejects.toThrow(/did not answer/);
    const held = cluster.servers
      .filter((server) => server !== leader)
      .map((server) => cluster.link(leader, server).counters.held + cluster.link(server, leader).counters.held);
    expect(Math.max(...held)).toBeGreaterThan(0);

    cluster.heal();
    await until(async () => ((await info(leader)).state?.last_seq ?? 0) >= stored, {
      timeoutMs: 30_000,
      describe: 'the server to be back',
    });
  });

  it('starts its servers one after another, after all were stopped', async () => {
    const { seq: before = 0 } = await ask(await cluster.streamLeader(STREAM), 'replicated', 'before');
    await Promise.all(cluster.servers.map((server) => server.stop()));
    for (const server of cluster.servers) await server.start();
    // A publish that was never answered, as to the isolated leader above, may still come to light.
    expect((await info(await cluster.streamLeader(STREAM))).state?.last_seq).toBeGreaterThanOrEqual(before);
  });
});

describe("a nats-server's data", () => {
  it('are rolled back to an earlier copy, more than once', async () => {
    await using servers = localServers();
    const nats = await servers.nats();
    await ask(nats, '$JS.API.STREAM.CREATE.ROLLED', { name: 'ROLLED', subjects: ['rolled'] });
    const last = async (): Promise<number | undefined> =>
      (await ask(nats, '$JS.API.STREAM.INFO.ROLLED')).state?.last_seq;
    expect((await ask(nats, 'rolled', 'kept')).seq).toBe(1);
    const copy = await nats.copyData();
    expect((await ask(nats, 'rolled', 'lost')).seq).toBe(2);

    await nats.restoreData(copy);
    expect(await last()).toBe(1);
    expect((await ask(nats, 'rolled', 'another history')).seq).toBe(2);
    await nats.stop();
    await nats.restoreData(copy);
    expect(await last()).toBe(1);
  });
});

async function ask(server: NatsServer, subject: string, body: unknown = '', timeoutMs?: number): Promise<Answer> {
  const connection = await RawNats.connect(server.address);
  try {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return (await connection.request(subject, text, timeoutMs)) as Answer;
  } finally {
    connection.close();
  }
}
