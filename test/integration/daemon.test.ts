import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readinessSchema } from '@tidemark/api';
import {
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsServer,
  Pipeline,
  type Servers,
  tidemark,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
});

/** Of the configuration files. */
const directories: string[] = [];

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
  for (const directory of directories) rmSync(directory, { recursive: true });
});

function configFile(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-config-'));
  directories.push(directory);
  const file = join(directory, 'tidemark.yaml');
  writeFileSync(file, text);
  return file;
}

const VALID = `
name: eqiad
source: {endpoints: [http://127.0.0.1:1]}
journal: {servers: [nats://127.0.0.1:2]}
node: {id: a, listen: 127.0.0.1:9}
destinations:
  - {name: codfw, kind: etcd, endpoints: [http://127.0.0.1:3], routes: [{prefix: /conftool/}]}
`;

describe('a bad configuration', () => {
  const file = configFile(VALID.replace('{prefix: /conftool/}', '{prefix: /conftool/, leased: maybe}'));
  const problem = `${file}:7:94: destinations[0].routes[0].leased: expected "keep" or "skip"`;

  it.each(['run', 'check-config'])(
    'ends `%s` with exit code 78 and the place, key, reason and what is allowed',
    async (command) => {
      const result = await tidemark([command, '-c', file]);
      expect(result).toEqual({ code: 78, stdout: '', stderr: `${problem}\n` });
    },
  );

  it('that does not exist says so', async () => {
    const result = await tidemark(['run', '-c', '/nowhere.yaml']);
    expect(result).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('/nowhere.yaml:1:1: cannot be read (ENOENT)'),
    });
  });
});

describe('the command line', () => {
  it('accepts a good configuration', async () => {
    expect(await tidemark(['check-config', '-c', configFile(VALID)])).toMatchObject({ code: 0, stderr: '' });
  });

  it('prints the JSON Schema', async () => {
    const { stdout } = await tidemark(['schema']);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', properties: { source: { type: 'object' } } });
  });

  it('ends with 2 and the address it tried when no node answers', async () => {
    const result = await tidemark(['status', '-c', configFile(VALID)]);
    expect(result).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('http://127.0.0.1:9/v1/status'),
    });
  });

  it('ends with 2 on wrong usage', async () => {
    expect(await tidemark(['frobnicate'])).toMatchObject({ code: 2 });
    expect(await tidemark(['status'])).toMatchObject({ code: 2, stderr: expect.stringContaining('TIDEMARK_CONFIG') });
  });
});

/** Reads /readyz of a node: which of its peers do not answer. */
async function unreachable(pipeline: Pipeline): Promise<string[]> {
  const response = await pipeline.anyNode.fetch('/readyz');
  const { ready, hops } = readinessSchema.parse(await response.json());
  expect(response.status).toBe(ready ? 200 : 503);
  return hops.filter(({ reachable }) => !reachable).map(({ hop }) => hop);
}

it.each(['source', 'journal', 'destination replica'])(
  'a node whose %s is unreachable at start stays up, says which, logs it once, and works when it is there',
  async (hop) => {
    const server = { source, journal: nats, 'destination replica': destination }[hop] ?? source;
    // Coordination stays up: losing it is another matter.
    const coordination = await servers.etcd();
    await server.stop();
    await using pipeline = await Pipeline.start({
      source,
      nats,
      nodes: 1,
      coordination: { endpoints: [coordination.url] },
      destinations: [
        {
          name: 'replica',
          kind: 'etcd',
          endpoints: [destination.url],
          checkpointPrefix: `/__tidemark/${hop}/`,
          routes: [{ prefix: '/app/' }],
        },
      ],
    });
    const node = pipeline.anyNode;
    await until(async () => (await unreachable(pipeline)).includes(hop), {
      describe: `/readyz naming ${hop}`,
      timeoutMs: 20_000,
    });
    expect((await node.fetch('/healthz')).status).toBe(200);
    // Several probes later it has still been logged once.
    const complaints = () =>
      node
        .log()
        .split('\n')
        .filter((line) => line.includes(`"hop":"${hop}"`) && line.includes('unreachable'));
    await until(() => complaints().length > 0, { describe: 'the complaint in the log' });

    await server.start();

    const gateway = new EtcdGateway(source.url);
    const revision = await gateway.put(`/app/${hop}`, 'value');
    await node.reached('replica', revision);
    await until(async () => (await unreachable(pipeline)).length === 0, { describe: '/readyz without complaints' });
    expect(complaints()).toHaveLength(1);
    expect((await destination.etcdctl(['get', `/app/${hop}`, '--print-value-only'])).toString().trim()).toBe('value');
  },
);

it('step-down hands leadership to another node, and SIGTERM ends a node with nothing left over', async () => {
  const routes = [{ prefix: '/app/' }];
  await using pipeline = await Pipeline.start({
    source,
    nats,
    destinations: [
      { name: 'second', kind: 'etcd', endpoints: [destination.url], checkpointPrefix: '/__tidemark/second/', routes },
    ],
  });
  const first = await pipeline.leader();
  const other = pipeline.nodes.find((node) => node !== first) ?? first;
  expect(await other.command('step-down')).toMatchObject({ code: 0 });
  const second = await until(
    async () => {
      const leader = await pipeline.leader();
      return leader === first ? null : leader;
    },
    { describe: 'another leader' },
  );

  await second.stop();
  const third = await pipeline.leader();
  expect(third).not.toBe(second);
  const keys = (await source.etcdctl(['get', '/__tidemark/test/', '--prefix', '--print-value-only'])).toString();
  expect(keys).not.toContain(second.id);
  expect(await third.output('status')).toMatchObject({
    pipeline: 'test',
    leader: { node: third.id },
    destinations: [{ name: 'second' }],
  });
});
