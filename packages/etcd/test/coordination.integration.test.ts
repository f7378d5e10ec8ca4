import { type Leadership, LeadershipLostError, silentLogger, sleep } from '@tidemark/core';
import { type EtcdServer, FaultProxy, localServers, never, type Servers, until } from '@tidemark/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CoordinationSession, EtcdClient, EtcdElector, NodeRegistry } from '../src/index.js';

/** The shortest lease etcd grants with its default election timeout. */
const leaseTtlMs = 2_000;

let servers: Servers;
let etcd: EtcdServer;
let election: string;
let elections = 0;
const nodes = new Set<TestNode>();

/** One node of an election, in this process. */
class TestNode {
  readonly session: CoordinationSession;
  leadership: Leadership | null = null;
  /** Times at which it began to lead, by the process's monotonic clock. */
  readonly electedAt: number[] = [];
  private readonly stop = new AbortController();
  private readonly background = new AbortController();
  private readonly running: Promise<void>[];
  private resign: () => void = () => undefined;

  constructor(
    readonly name: string,
    endpoint = etcd.url,
  ) {
    nodes.add(this);
    this.session = new CoordinationSession(new EtcdClient({ endpoints: [endpoint] }), {
      leaseTtlMs,
      logger: silentLogger,
    });
    const elector = new EtcdElector(this.session, { prefix: election, candidate: name, logger: silentLogger });
    this.running = [
      this.session.run(this.background.signal),
      elector.lead((held) => this.work(held), this.stop.signal),
    ];
  }

  get leads(): boolean {
    return this.leadership !== null;
  }

  /** Returns from the work. */
  stepDown(): void {
    this.resign();
  }

  /** Orderly: roles first, then the lease. */
  async close(): Promise<void> {
    nodes.delete(this);
    this.stop.abort();
    await this.running[1];
    this.background.abort();
    await Promise.all(this.running);
    await this.session.close();
  }

  private async work(leadership: Leadership): Promise<void> {
    this.electedAt.push(performance.now());
    this.leadership = leadership;
    const over = new AbortController();
    this.resign = () => over.abort();
    leadership.signal.addEventListener('abort', this.resign);
    await sleep(600_000, over.signal);
    this.leadership = null;
  }
}

function leader(): TestNode | undefined {
  const leading = [...nodes].filter(({ leads }) => leads);
  if (leading.length > 1) throw new Error(`two lead: ${leading.map(({ name }) => name).join(', ')}`);
  return leading[0];
}

function awaitLeader(other?: TestNode): Promise<TestNode> {
  return until(
    () => {
      const found = leader();
      return found !== other && found;
    },
    { describe: 'a leader', everyMs: 5 },
  );
}

async function keys(prefix: string): Promise<string[]> {
  const listed = (await etcd.etcdctl(['get', '--prefix', prefix, '--keys-only'])).toString();
  return listed.split('\n').filter((line) => line !== '');
}

beforeAll(async () => {
  servers = localServers();
  etcd = await servers.etcd();
});

afterAll(() => servers?.[Symbol.asyncDispose]());

beforeEach(() => {
  election = `/__tidemark/test/leader-${elections++}/`;
});

afterEach(async () => {
  await Promise.all([...nodes].map((node) => node.close()));
});

it('a candidate that waits notices that its own key is gone, and stands again', async () => {
  const first = new TestNode('a');
  await awaitLeader();
  const second = new TestNode('b');
  const keys = async () => {
    const text = (await etcd.etcdctl(['get', election, '--prefix', '-w', 'fields'])).toString();
    const names = [...text.matchAll(/^"Key" : "(.*)"$/gm)].map(([, key = '']) => key);
    const nodesOf = [...text.matchAll(/^"Value" : "(.*)"$/gm)].map(([, value = '']) => value);
    return new Map(nodesOf.map((node, index) => [node, names[index] ?? '']));
  };
  await until(async () => (await keys()).has('b'), { describe: 'two candidates' });
  // As after a restore from a backup: nothing that this node watches has changed.
  await etcd.etcdctl(['del', (await keys()).get('b') ?? '']);
  expect((await keys()).has('b')).toBe(false);
  await until(async () => (await keys()).has('b'), {
    timeoutMs: 5 * leaseTtlMs,
    describe: 'the second candidate again',
  });
  expect(first.leads).toBe(true);
  await first.close();
  expect(await awaitLeader(first)).toBe(second);
});

describe('election among three candidates', () => {
  it('has one leader at a time, with a growing token, through many resignations', async () => {
    for (const name of ['a', 'b', 'c']) new TestNode(name);
    let token = 0;
    let previous: TestNode | undefined;
    for (let round = 0; round < 8; round++) {
      const current = await awaitLeader(previous);
      expect(current.leadership?.token).toBeGreaterThan(token);
      token = current.leadership?.token ?? 0;
      current.leadership?.assertHeld();
      await current.leadership?.prove();
      current.stepDown();
      await until(() => !current.leads, { describe: 'the resignation', everyMs: 1 });
      previous = current;
    }
  });

  it('hands over in well under 300 ms when the leader resigns or closes', async () => {
    for (const name of ['a', 'b', 'c']) new TestNode(name);
    const first = await awaitLeader();
    await until(async () => (await keys(election)).length === 3, { describe: 'three candidates' });
    const resigned = performance.now();
    first.stepDown();
    const second = await awaitLeader(first);
    const afterResign = (second.electedAt.at(-1) ?? 0) - resigned;
    await until(async () => (await keys(election)).length === 3, { describe: 'three candidates' });
    const closed = performance.now();
    await second.close();
    const third = await awaitLeader(second);
    const afterClose = (third.electedAt.at(-1) ?? 0) - closed;
    expect(Math.max(afterResign, afterClose)).toBeLessThan(1_000);
  });

  it("fails over when the leader is cut off, after its own deadline and within the TTL and etcd's slack", async () => {
    const proxy = await FaultProxy.start(etcd.address);
    const first = new TestNode('cut off', `http://${proxy.address}`);
    await awaitLeader();
    const other = new TestNode('other');
    await until(async () => (await keys(election)).length === 2, { describe: 'two candidates' });
    const { leadership } = first;
    const cutAt = performance.now();
    proxy.blackHole();
    const second = await awaitLeader(first);
    expect(second).toBe(other);
    expect(proxy.counters.held).toBeGreaterThan(0);
    expect(leadership?.signal.aborted).toBe(true);
    expect(() => leadership?.assertHeld()).toThrow(LeadershipLostError);
    const took = performance.now() - cutAt;
    // etcd looks for expired leases twice a second; the rest is for a loaded machine.
    expect(took).toBeLessThan(leaseTtlMs + 3_000);
    proxy.forward();
    await first.close();
    await proxy[Symbol.asyncDispose]();
  });

  it('ends the leadership of one whose key an operator deletes', async () => {
    const node = new TestNode('a');
    await awaitLeader();
    const held = node.leadership;
    const [key] = await keys(election);
    await etcd.etcdctl(['del', key ?? '']);
    await until(() => held?.signal.aborted, { describe: 'the end of leadership' });
    expect(() => held?.assertHeld()).toThrow(LeadershipLostError);
    await expect(held?.prove()).rejects.toThrow(LeadershipLostError);
    await until(() => node.leadership !== null && node.leadership !== held, { describe: 'the next term' });
    expect(node.leadership?.token).toBeGreaterThan(held?.token ?? 0);
  });

  it('ends leadership by the local deadline while etcd is frozen, and resumes after', async () => {
    const node = new TestNode('a');
    await awaitLeader();
    const held = node.leadership;
    await etcd.pause();
    const frozenAt = performance.now();
    await until(() => held?.signal.aborted, { describe: 'the deadline' });
    expect(performance.now() - frozenAt).toBeLessThan(leaseTtlMs);
    expect(() => held?.assertHeld()).toThrow(LeadershipLostError);
    await etcd.resume();
    await until(() => node.leadership !== null && node.leadership !== held, {
      timeoutMs: 20_000,
      describe: 'the next term',
    });
  });

  it('survives a lost answer to the campaign', async () => {
    const proxy = await FaultProxy.start(etcd.address);
    proxy.loseReplyTo(election);
    const node = new TestNode('unlucky', `http://${proxy.address}`);
    await until(async () => (await keys(election)).length === 1, { describe: 'the key of the lost answer' });
    await etcd.etcdctl(['put', '/elsewhere', 'moves the revision']);
    expect(node.leads).toBe(false);
    proxy.cut();
    expect(await awaitLeader()).toBe(node);
    await node.leadership?.prove();
    await node.close();
    expect(await keys(election)).toEqual([]);
    await proxy[Symbol.asyncDispose]();
  });

  it('keeps the order when a waiting candidate disappears', async () => {
    const first = new TestNode('first');
    await awaitLeader();
    const second = new TestNode('second');
    await until(async () => (await keys(election)).length === 2, { describe: 'two candidates' });
    const third = new TestNode('third');
    await until(async () => (await keys(election)).length === 3, { describe: 'three candidates' });
    await second.close();
    await until(async () => (await keys(election)).length === 2, { describe: 'two candidates' });
    expect(leader()).toBe(first);
    await first.close();
    expect(await awaitLeader()).toBe(third);
  });
});

describe('a candidate that waits', () => {
  it('does not lead by a key that an operator deleted, but by one that it put again', async () => {
    const first = new TestNode('first');
    await awaitLeader();
    const second = new TestNode('second');
    await until(async () => (await keys(election)).length === 2, { describe: 'two candidates' });
    const [own, others] = await Promise.all([first, second].map(({ session }) => session.lease(never)));
    expect(own?.id).not.toBe(others?.id);
    await etcd.etcdctl(['del', `${election}${others?.id.toString(16).padStart(16, '0')}`]);
    await first.close();
    expect(await awaitLeader()).toBe(second);
    await second.leadership?.prove();
    expect(second.electedAt).toHaveLength(1);
  });
});

describe('the life of a session', () => {
  it('writes nothing while it is idle, because every write would come back through the tail', async () => {
    const node = new TestNode('a');
    const registry = new NodeRegistry(node.session, { prefix: '/__tidemark/test/nodes/' });
    const stop = new AbortController();
    const announcing = registry.announce(
      { id: 'a', listen: '127.0.0.1:1', roles: ['leader'], version: '0' },
      stop.signal,
    );
    await awaitLeader();
    await until(async () => (await registry.list(never)).length === 1, { describe: 'the node' });
    const revision = async () =>
      JSON.parse((await etcd.etcdctl(['get', 'x', '-w', 'json'])).toString()).header.revision;
    const before = await revision();
    const { leadership } = node;
    // Longer than the TTL: without renewals the lease would be gone.
    await sleep(leaseTtlMs * 2, never);
    expect(await revision()).toBe(before);
    leadership?.assertHeld();
    stop.abort();
    await announcing;
  });

  it('lists nodes, puts a deleted entry back, and takes it away when the session ends', async () => {
    const prefix = '/__tidemark/test/registry/';
    const [a, b] = [new TestNode('a'), new TestNode('b')];
    const info = (id: string) => ({
      id,
      listen: `127.0.0.1:${id.charCodeAt(0)}`,
      roles: ['leader', 'worker'],
      version: '1.2.3',
    });
    const stop = new AbortController();
    const registries = [a, b].map(({ session, name }) => {
      const registry = new NodeRegistry(session, { prefix });
      return { registry, announcing: registry.announce(info(name), stop.signal) };
    });
    const list = () => registries[0]?.registry.list(never);
    await until(async () => (await list())?.length === 2, { describe: 'two nodes' });
    expect(await list()).toEqual([info('a'), info('b')]);
    await etcd.etcdctl(['put', `${prefix}stranger`, 'not JSON']);
    await etcd.etcdctl(['del', `${prefix}b`]);
    await until(async () => (await list())?.length === 2, { describe: 'the entry to be back' });
    stop.abort();
    await Promise.all(registries.map(({ announcing }) => announcing));
    await b.close();
    expect(await list()).toEqual([info('a')]);
  });

  it('hands out a new lease when the old one was revoked', async () => {
    const node = new TestNode('a');
    const lease = await node.session.lease(never);
    await etcd.etcdctl(['lease', 'revoke', lease?.id.toString(16) ?? '']);
    await until(() => lease?.signal.aborted, { describe: 'the loss' });
    expect(() => lease?.assertAlive()).toThrow(LeadershipLostError);
    const next = await until(
      async () => {
        const current = await node.session.lease(never);
        return current !== lease && current;
      },
      { describe: 'a new lease' },
    );
    next.assertAlive();
  });
});
