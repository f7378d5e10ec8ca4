import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Claim, LeadershipLostError, type OwnershipView, silentLogger } from '@tidemark/core';
import { type EtcdServer, FaultProxy, localServers, never, type Servers, until } from '@tidemark/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { RANGE, TXN } from '../src/client/methods.js';
import { CoordinationSession, EtcdClient, EtcdFacts, EtcdOwnership, NodeRegistry } from '../src/index.js';

const leaseTtlMs = 2_000;

let servers: Servers;
let etcd: EtcdServer;
let prefix: string;
let pipelines = 0;
const nodes = new Set<TestNode>();

/** One registered node, in this process, that follows who owns what. */
class TestNode {
  readonly session: CoordinationSession;
  readonly ownership: EtcdOwnership;
  readonly registry: NodeRegistry;
  view: OwnershipView | null = null;
  views = 0;
  private readonly announcing = new AbortController();
  private readonly background = new AbortController();
  private readonly running: Promise<void>[];

  constructor(
    readonly id: string,
    endpoint = etcd.url,
    ttlMs = leaseTtlMs,
  ) {
    nodes.add(this);
    const client = new EtcdClient({ endpoints: [endpoint] });
    this.session = new CoordinationSession(client, { leaseTtlMs: ttlMs, logger: silentLogger });
    this.registry = new NodeRegistry(this.session, { prefix: `${prefix}nodes/` });
    const prefixes = { nodes: `${prefix}nodes/`, owners: `${prefix}owners/` };
    this.ownership = new EtcdOwnership(this.session, { prefixes, node: id, logger: silentLogger });
    const info = { id, listen: '127.0.0.1:1', roles: ['worker'], version: '0' };
    this.running = [
      this.session.run(this.background.signal),
      this.registry.announce(info, this.announcing.signal),
      this.follow(),
    ];
  }

  owner(destination: string): string | null {
    return this.view?.owners.get(destination)?.node ?? null;
  }

  async claim(destination: string): Promise<Claim> {
    const claim = await this.ownership.claim(destination, never);
    if (claim === null) throw new Error(`${destination} is owned already`);
    return claim;
  }

  async withdraw(): Promise<void> {
    this.announcing.abort();
    await this.running[1];
    await this.registry.withdraw(this.id);
  }

  async close(): Promise<void> {
    nodes.delete(this);
    this.announcing.abort();
    this.background.abort();
    await Promise.all(this.running);
    await this.session.close();
  }

  private async follow(): Promise<void> {
    for await (const view of this.ownership.follow(this.background.signal)) {
      this.view = view;
      this.views++;
    }
  }
}

async function sees(node: TestNode, destination: string, owner: string | null): Promise<void> {
  await until(() => node.view !== null && node.owner(destination) === owner, {
    describe: () => `${destination} owned by ${owner}; seen ${JSON.stringify([...(node.view?.owners ?? [])])}`,
  });
}

beforeAll(async () => {
  servers = localServers();
  etcd = await servers.etcd();
});

afterAll(() => servers?.[Symbol.asyncDispose]());

beforeEach(() => {
  prefix = `/__tidemark/test-${pipelines++}/`;
});

afterEach(async () => {
  await Promise.all([...nodes].map((node) => node.close()));
});

it('a node that says that it is registered is on the first list that it reads', async () => {
  const node = new TestNode('a');
  await node.registry.registered(never);
  for await (const { nodes: listed } of node.ownership.follow(never)) {
    expect(listed.map(({ id }) => id)).toEqual(['a']);
    break;
  }
});

it('gives a destination to one node, and shows the others that it has it, and when that ends', async () => {
  const [a, b] = [new TestNode('a'), new TestNode('b')];
  const claim = await a.claim('codfw');
  expect(await b.ownership.claim('codfw', never)).toBeNull();
  await sees(b, 'codfw', 'a');
  expect(b.view?.owners.get('codfw')?.token).toBe(claim.token);
  claim.assertHeld();
  await claim.prove();
  expect(await claim.release()).toBe(true);
  await sees(b, 'codfw', null);
  const next = await b.claim('codfw');
  expect(next.token).toBeGreaterThan(claim.token);
  // Whoever was replaced cannot take the key of the next one with it.
  expect(await claim.release()).toBe(true);
  await expect(claim.prove()).rejects.toThrow(LeadershipLostError);
  await next.prove();
});

it('keeps all that a node owns under one lease, and all of it ends in one revision with the node', async () => {
  const [a, b] = [new TestNode('a'), new TestNode('b')];
  const names = Array.from({ length: 50 }, (_, index) => `destination-${index}`);
  await Promise.all(names.map((name) => a.claim(name)));
  await until(() => b.view?.owners.size === names.length, { describe: 'all owners' });
  const lease = await a.session.lease(never);
  const kept = (await etcd.etcdctl(['lease', 'timetolive', lease?.id.toString(16) ?? '', '--keys'])).toString();
  for (const name of names) expect(kept).toContain(`${prefix}owners/${name}`);
  expect(kept).toContain(`${prefix}nodes/a`);
  const seen = b.views;
  await a.close();
  await until(() => b.view?.owners.size === 0, { describe: 'no owner' });
  expect(b.view?.nodes.map(({ id }) => id)).toEqual(['b']);
  // One look more at most, by the reading every few seconds, however many keys have gone.
  expect(b.views - seen).toBeLessThanOrEqual(3);
});

it('distinguishes a node that came back from one that was there all the time', async () => {
  const watcher = new TestNode('watcher');
  const registration = () => watcher.view?.nodes.find(({ id }) => id === 'a')?.registration;
  const first = new TestNode('a');
  const before = await until(registration, { describe: 'the node' });
  await first.withdraw();
  await until(() => registration() === undefined, { describe: 'the node off the list' });
  await first.close();
  new TestNode('a');
  const after = await until(registration, { describe: 'the node again' });
  expect(after).not.toBe(before);
});

it('is not irritated by facts about a destination, e.g. that it is held', async () => {
  const a = new TestNode('a');
  const facts = new EtcdFacts(a.session.client, prefix);
  await facts.write('destinations/codfw/hold', '{}', never);
  await a.claim('codfw');
  await sees(a, 'codfw', 'a');
  expect([...(a.view?.owners.keys() ?? [])]).toEqual(['codfw']);
});

it('removes a fact as it was read, and leaves what was written since', async () => {
  const a = new TestNode('a');
  const facts = new EtcdFacts(a.session.client, prefix);
  await facts.write('destinations/codfw/resync', 'newer', never);
  await facts.removeExactly('destinations/codfw/resync', 'older', never);
  await facts.removeExactly('destinations/codfw/absent', 'older', never);
  expect(await facts.read('destinations/codfw/resync', never)).toBe('newer');
  await facts.removeExactly('destinations/codfw/resync', 'newer', never);
  expect(await facts.read('destinations/codfw/resync', never)).toBeNull();
  await a.close();
});

it('owns what it claimed when the answer was lost', async () => {
  const proxy = await FaultProxy.start(etcd.address);
  const a = new TestNode('a', `http://${proxy.address}`);
  await until(() => a.view, { describe: 'the first view' });
  proxy.loseReplyTo('owners/codfw');
  const claiming = a.ownership.claim('codfw', never).catch(() => null);
  await until(async () => (await etcd.etcdctl(['get', `${prefix}owners/codfw`])).length > 0, { describe: 'the key' });
  proxy.cut();
  const claim = (await claiming) ?? (await until(() => a.ownership.claim('codfw', never), { describe: 'the claim' }));
  await claim.prove();
  await a.close();
  await proxy[Symbol.asyncDispose]();
});

it('is silent while etcd is frozen, and goes on afterwards with what happened meanwhile', async () => {
  const proxy = await FaultProxy.start(etcd.address);
  const [cutOff, b] = [new TestNode('cut off', `http://${proxy.address}`), new TestNode('b')];
  await b.claim('before');
  await sees(cutOff, 'before', 'b');
  proxy.blackHole();
  await b.claim('meanwhile');
  await sees(b, 'meanwhile', 'b');
  // The fault is there: what b was answered has been held back from the other one.
  await until(() => proxy.counters.held > 0, { describe: 'something held' });
  expect(cutOff.owner('meanwhile')).toBeNull();
  expect(cutOff.owner('before')).toBe('b');
  proxy.forward();
  await until(() => cutOff.owner('meanwhile') === 'b', { describe: 'the later owner', timeoutMs: 30_000 });
  await cutOff.close();
  await proxy[Symbol.asyncDispose]();
});

it('sees who owns what in an etcd that is set back to a backup, and what was claimed since is lost', async () => {
  const restored = await servers.etcd();
  // Its leases outlive the restore, and so do the keys that the backup has.
  const [a, b] = [new TestNode('a', restored.url, 60_000), new TestNode('b', restored.url, 60_000)];
  await until(() => a.view?.nodes.length === 2, { describe: 'both nodes' });
  const kept = await a.claim('kept');
  const moved = await a.claim('moved');
  const backup = join(tmpdir(), `tidemark-${process.pid}-ownership.snapshot`);
  onTestFinished(() => rmSync(backup));
  await restored.snapshotSave(backup);
  await moved.release();
  for (let n = 0; n < 50; n++) await restored.etcdctl(['put', '/filler', String(n)]);
  const since = [await b.claim('moved'), await b.claim('new')] as const;
  await sees(a, 'new', 'b');
  const { revision = 0 } = a.view ?? {};
  await restored.restoreFrom(backup);
  for (const node of [a, b]) {
    await until(() => node.view?.history === 1, { timeoutMs: 30_000, describe: 'another history' });
    expect(node.view?.revision).toBeLessThan(revision);
    expect(node.view?.owners.get('kept')).toEqual({ node: 'a', token: kept.token });
    expect(node.view?.owners.get('moved')).toEqual({ node: 'a', token: moved.token });
    expect(node.owner('new')).toBeNull();
  }
  await kept.prove();
  for (const claim of since) await expect(claim.prove()).rejects.toThrow(LeadershipLostError);
  await b.claim('new');
  await sees(a, 'new', 'b');
});

/** Reaches a member that is far back, once a test says so: it finds nothing, at a revision of long ago. */
class ForgetfulClient extends EtcdClient {
  transactions = 0;
  private forgetful = false;

  forget(): void {
    this.forgetful = true;
  }

  override async call<Req, Res>(...[method, request, options]: Parameters<typeof EtcdClient.prototype.call<Req, Res>>) {
    const answer = await super.call(method, request, options);
    const [name, transaction, range]: readonly unknown[] = [method, TXN, RANGE];
    if (name === transaction) this.transactions++;
    return this.forgetful && name === range ? Object.assign({}, answer, { header: { revision: 0 }, kvs: [] }) : answer;
  }
}

it('takes an older answer neither for news nor for another history when a transaction shows what is so', async () => {
  const registered = await servers.etcd();
  const client = new ForgetfulClient({ endpoints: [registered.url] });
  const session = new CoordinationSession(client, { leaseTtlMs, logger: silentLogger });
  const ownership = new EtcdOwnership(session, {
    prefixes: { nodes: `${prefix}nodes/`, owners: `${prefix}owners/` },
    node: 'a',
    logger: silentLogger,
  });
  await registered.etcdctl(['put', `${prefix}owners/codfw`, 'a']);
  const before = (await registered.etcdctl(['get', '/', '-w', 'json'])).toString();
  let reads = 0;
  for await (const view of ownership.follow(never)) {
    expect(view).toMatchObject({ history: 0, revision: 2 });
    expect(view.owners.get('codfw')?.node).toBe('a');
    client.forget();
    // The second one comes after the watch has been silent for a few seconds.
    if (++reads === 2) break;
  }
  expect(client.transactions).toBe(1);
  // To ask has moved no revision.
  const revisionOf = (json: string) => (JSON.parse(json) as { header: { revision: number } }).header.revision;
  expect(revisionOf((await registered.etcdctl(['get', '/', '-w', 'json'])).toString())).toBe(revisionOf(before));
  await session.close();
});
