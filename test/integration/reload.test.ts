import {
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsServer,
  nodeConfig,
  Pipeline,
  type PipelineOptions,
  type Servers,
  type TidemarkNode,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const REFUSED = 'the configuration was not re-read, nothing has changed';
const DONE = 'destinations re-read; other settings need a restart';

interface LogLine {
  readonly msg: string;
  readonly destination?: string;
  readonly reason?: string;
  readonly added?: readonly string[];
  readonly changed?: readonly string[];
  readonly removed?: readonly string[];
}

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;
let pipeline: Pipeline;
let options: PipelineOptions;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
  options = { source, nats, nodes: 2, destinations: [replica('kept'), replica('changing'), replica('leaving')] };
  pipeline = await Pipeline.start(options);
  await pipeline.placed();
});

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]();
  await servers?.[Symbol.asyncDispose]();
});

function replica(name: string, more: object = {}): object {
  const routes = [{ prefix: '/app/', rewrite: `/${name}/` }];
  return { name, kind: 'etcd', endpoints: [destination.url], routes, ...more };
}

/** Lines of a node's log with this message. */
function lines(node: TidemarkNode, message: string): readonly LogLine[] {
  const all = node.log().split('\n');
  const parsed = all.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []));
  return parsed.filter(({ msg }) => msg === message);
}

/** Gives every node new destinations, and waits until each has said what it made of them; that is returned. */
async function reload(destinations: readonly object[], answer: string): Promise<readonly LogLine[]> {
  const answers = pipeline.nodes.map((node) => lines(node, answer).length);
  for (const node of pipeline.nodes) {
    node.configure(nodeConfig({ ...options, destinations }, { id: node.id, listen: node.listen }));
    node.reload();
  }
  const newest = () => pipeline.nodes.flatMap((node, index) => lines(node, answer).slice(answers[index]));
  await until(() => newest().length === pipeline.nodes.length, {
    describe: `"${answer}" of every node`,
  });
  return newest();
}

/** How often any node began to work for a destination. */
function beginnings(name: string): number {
  const begun = pipeline.nodes.flatMap((node) => lines(node, 'owning this destination'));
  return begun.filter((line) => line.destination === name).length;
}

/** Writes the key, and waits until these destinations have it. */
async function replicates(value: string, names: readonly string[]): Promise<void> {
  const revision = await new EtcdGateway(source.url).put('/app/key', value);
  for (const name of names) {
    await pipeline.anyNode.reached(name, revision);
    expect(await copyOf(name)).toBe(value);
  }
}

async function stateOf(name: string): Promise<string | undefined> {
  return (await pipeline.anyNode.status()).destinations.find((each) => each.name === name)?.state;
}

async function copyOf(name: string): Promise<string | undefined> {
  return (await new EtcdGateway(destination.url).get(`/${name}/key`))?.toString();
}

it('a bad file, or one that names what cannot be read, changes nothing and says why', async () => {
  await replicates('before', ['kept', 'changing', 'leaving']);
  const before = ['kept', 'changing', 'leaving'].map(beginnings);
  for (const answer of await reload([replica('kept', { delay: 'soon' })], REFUSED)) {
    expect(answer.reason).toContain('destinations[0].delay: expected a duration');
  }
  const unreadable = { auth: { username: 'tidemark', passwordFile: '/nowhere/password' } };
  for (const answer of await reload([replica('other'), replica('another', unreadable)], REFUSED)) {
    expect(answer.reason).toContain('/nowhere/password');
  }
  await replicates('after', ['kept', 'changing', 'leaving']);
  expect(['kept', 'changing', 'leaving'].map(beginnings)).toEqual(before);
});

it('SIGHUP adds, changes and removes destinations; the others are not touched, and what was removed keeps its keys', async () => {
  await replicates('first', ['kept', 'changing', 'leaving']);
  const before = { kept: beginnings('kept'), changing: beginnings('changing') };
  const changed = replica('changing', { routes: [{ prefix: '/app/', rewrite: '/changed/' }] });
  const answers = await reload([replica('kept'), changed, replica('added')], DONE);
  for (const answer of answers) {
    expect(answer).toMatchObject({ added: ['added'], changed: ['changing'], removed: ['leaving'] });
  }

  await replicates('second', ['kept', 'added']);
  // Changed routes make keys appear and disappear: that is for a person to see first.
  await until(async () => (await stateOf('changing')) === 'held', {
    describe: 'changing to be held',
    timeoutMs: 30_000,
  });
  expect(await copyOf('changing')).toBe('first');
  expect(await pipeline.anyNode.approve('changing')).toMatchObject({ code: 0 });
  await pipeline.anyNode.reached('changing', await new EtcdGateway(source.url).revision());
  expect(await copyOf('changed')).toBe('second');
  expect(await copyOf('leaving')).toBe('first');
  expect({ kept: beginnings('kept'), changing: beginnings('changing') > before.changing }).toEqual({
    kept: before.kept,
    changing: true,
  });

  // Status and placement know the new names and no old one, whichever node is asked.
  for (const node of pipeline.nodes) {
    const { destinations } = await node.status();
    expect(destinations.map(({ name }) => name)).toEqual(['kept', 'changing', 'added']);
  }
  const owners = await new EtcdGateway(source.url).list('/__tidemark/test/owners/');
  const owned = new Set([...owners.keys()].map((key) => key.split('/').at(-1)));
  expect(owned).toEqual(new Set(['added', 'changing', 'kept']));
});
