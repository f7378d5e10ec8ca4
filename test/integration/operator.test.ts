import type { PlacedDestination } from '@tidemark/api';
import {
  audit,
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsServer,
  nodeConfig,
  Pipeline,
  type Servers,
  type TidemarkNode,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What an operator does to one destination, by the command line, on nodes that come and go; etcdctl judges. */

const KEYS = 300;
const ROUTE = { prefix: '/conf/', rewrite: '/copy/' };

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;
let pipeline: Pipeline;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
  const gateway = new EtcdGateway(source.url);
  await Promise.all(Array.from({ length: KEYS }, (_, index) => gateway.put(`/conf/${index}`, `value ${index}`)));
  pipeline = await Pipeline.start(options([codfw()]));
  await equal();
});

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
});

function options(destinations: readonly object[]) {
  return { source, nats, nodes: 2, destinations };
}

function codfw(routes: readonly object[] = [ROUTE]): object {
  return { name: 'codfw', kind: 'etcd', endpoints: [destination.url], routes, brakes: { maxDeletes: 100 } };
}

async function put(key: string, value: string): Promise<void> {
  await source.etcdctl(['put', key, value]);
}

async function countAt(server: EtcdServer, prefix: string): Promise<number> {
  const answer = await server.etcdctl(['get', prefix, '--prefix', '--keys-only', '-w', 'json']);
  return (JSON.parse(answer.toString()) as { count?: number }).count ?? 0;
}

async function equal(): Promise<void> {
  const compare = () =>
    audit({
      source: { server: source, prefix: ROUTE.prefix },
      destination: { server: destination, prefix: ROUTE.rewrite },
    });
  await until(async () => (await compare()).differences.length === 0, { timeoutMs: 60_000, describe: 'equal' });
}

async function becomes(state: string): Promise<PlacedDestination> {
  const { name } = await pipeline.anyNode.destination();
  return await pipeline.anyNode.showsState(name, state, 30_000);
}

/** A command on the first node that runs; returns what it prints. */
async function run(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await pipeline.anyNode.command(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

/** Runs the very command that `explain` prints. */
async function approveAsExplained(): Promise<void> {
  const [, id = ''] = /tidemark approve codfw --hold ([^\s`]+)/.exec(await run('explain', 'codfw')) ?? [];
  expect(await run('approve', 'codfw', '--hold', id)).toContain('Approved for codfw');
}

async function owner(): Promise<TidemarkNode> {
  return await until(
    async () => {
      const name = (await pipeline.anyNode.destination()).owner;
      return pipeline.nodes.find(({ id, running }) => running && id === name) ?? null;
    },
    { timeoutMs: 30_000, describe: 'an owner' },
  );
}

describe('an operator', () => {
  it('approves a mass delete, exactly what was shown, on another node than the one that held it', async () => {
    await source.etcdctl(['del', '/conf/1', '--prefix']);
    const left = await countAt(source, '/conf/');
    expect(left).toBeLessThan(KEYS - 100);
    await becomes('held');
    expect(await countAt(destination, '/copy/')).toBe(KEYS);
    const explained = await run('explain', 'codfw');
    expect(explained).toContain(`delete ${KEYS - left} keys (/copy/1, `);
    expect(explained).toContain('tidemark approve codfw');

    await (await owner()).kill();
    await becomes('held');
    expect(await countAt(destination, '/copy/')).toBe(KEYS);
    // Nobody approves what he does not name, nor what holds it no more.
    const unnamed = await pipeline.anyNode.command('approve', 'codfw');
    expect(unnamed).toMatchObject({ code: 2 });
    expect(unnamed.stderr).toMatch(/tidemark approve codfw --hold \S+/);
    const other = await pipeline.anyNode.command('approve', 'codfw', '--hold', 'another');
    expect(other).toMatchObject({ code: 1 });
    expect(other.stderr).toContain(`delete ${KEYS - left} keys`);
    expect(await countAt(destination, '/copy/')).toBe(KEYS);
    await approveAsExplained();
    await equal();
    expect(await countAt(destination, '/copy/')).toBe(left);
    await Promise.all(pipeline.nodes.filter(({ running }) => !running).map((node) => node.start()));
  });

  it('pauses a destination, which stays paused when its owner is killed, and resumes it', async () => {
    await run('pause', 'codfw');
    await becomes('paused');
    await put('/conf/paused', 'x');
    await (await owner()).kill();
    const paused = await becomes('paused');
    expect(paused.reason).toMatch(/^Paused by .+@.+ since /);
    expect(await countAt(destination, '/copy/paused')).toBe(0);
    await run('resume', 'codfw');
    await equal();
    expect(await countAt(destination, '/copy/paused')).toBe(1);
    await Promise.all(pipeline.nodes.filter(({ running }) => !running).map((node) => node.start()));
  });

  it('sees a foreign write named within a second or two, and repairs exactly that', async () => {
    await equal();
    const before = await destination.etcdctl(['get', '/copy/21', '-w', 'json']);
    await destination.etcdctl(['put', '/copy/20', 'by hand']);
    await destination.etcdctl(['put', '/copy/nowhere', 'by hand']);
    await destination.etcdctl(['put', '/elsewhere', 'not ours']);
    await until(async () => (await run('explain', 'codfw')).includes('/copy/nowhere'), { describe: 'the key named' });
    expect(await run('explain', 'codfw')).not.toContain('/elsewhere');
    const { code, stdout } = await pipeline.anyNode.command('verify', 'codfw');
    expect(code).toBe(1);
    expect(stdout).toContain('different  /copy/20');
    expect(stdout).toContain('extra      /copy/nowhere');
    expect(await run('verify', 'codfw', '--repair')).toContain('Put 1, deleted 1.');
    await equal();
    expect(await destination.etcdctl(['get', '/copy/21', '-w', 'json']).then(versionOf)).toBe(versionOf(before));
    expect(await countAt(destination, '/elsewhere')).toBe(1);
  });

  it('is shown which keys a changed route brings and takes, before and after it is loaded, and approves', async () => {
    await put('/other/1', 'x');
    const routes = [{ ...ROUTE, exclude: ['/conf/2'] }, { prefix: '/other/' }];
    const leaving = await countAt(destination, '/copy/2');
    for (const node of pipeline.nodes)
      node.configure(nodeConfig(options([codfw(routes)]), { id: node.id, listen: node.listen }));
    // It is made at the checkpoint, which moves once a second over what no route takes.
    const planned = async () => {
      const said = await run('resync', 'codfw', '--plan');
      return said.includes('/other/1') ? said : null;
    };
    const plan = await until(planned, { timeoutMs: 30_000, describe: 'a plan that knows the new key' });
    expect(plan).toContain(`1 keys would appear, 0 would change, ${leaving} would disappear`);
    expect(plan).toContain('appears     /other/1');
    expect(plan).toContain('disappears  /copy/2');
    for (const node of pipeline.nodes) node.reload();
    const held = await becomes('held');
    expect(held.reason).toContain(`1 keys would appear, 0 would change, ${leaving} would disappear`);
    expect(await countAt(destination, '/copy/2')).toBe(leaving);
    await approveAsExplained();
    await becomes('streaming');
    await until(async () => (await countAt(destination, '/copy/2')) === 0, { describe: 'the keys gone' });
    expect(await countAt(destination, '/other/')).toBe(1);
  });

  it('orders a resync, which writes what differs and nothing else', async () => {
    await becomes('streaming');
    await put('/conf/after', 'the last snapshot');
    await until(async () => (await countAt(destination, '/copy/after')) === 1, { describe: 'the key' });
    await destination.etcdctl(['del', '/copy/after']);
    const before = versionOf(await destination.etcdctl(['get', '/copy/31', '-w', 'json']));
    await run('resync', 'codfw');
    await until(async () => (await countAt(destination, '/copy/after')) === 1, { timeoutMs: 30_000, describe: 'back' });
    expect(versionOf(await destination.etcdctl(['get', '/copy/31', '-w', 'json']))).toBe(before);
    await becomes('streaming');
  });
});

function versionOf(answer: Buffer): number | undefined {
  return (JSON.parse(answer.toString()) as { kvs?: { version: number }[] }).kvs?.[0]?.version;
}
