import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endpoints } from '@tidemark/api';
import {
  EtcdGateway,
  type EtcdServer,
  localServers,
  nodeConfig,
  Pipeline,
  type Servers,
  type TidemarkNode,
  tidemark,
} from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const TOKEN = 'b1a5ed';
const NEEDS_TOKEN = [
  ['POST', 'destinations/copy/approve'],
  ['POST', 'destinations/copy/pause'],
  ['POST', 'destinations/copy/resume'],
  ['POST', 'destinations/copy/resync'],
  ['POST', 'destinations/copy/repair'],
  ['POST', 'snapshots'],
  ['POST', 'step-down'],
  // Shows values.
  ['GET', 'journal/records'],
] as const;

let servers: Servers;
let source: EtcdServer;
let pipeline: Pipeline;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-token-'));
  servers = localServers();
  const [from, to, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
  source = from;
  const routes = [{ prefix: '/conftool/' }];
  const destinations = [{ name: 'copy', kind: 'etcd', endpoints: [to.url], routes }];
  const options = { source, nats, destinations, nodes: 2 };
  pipeline = await Pipeline.prepare(options);
  for (const node of pipeline.nodes)
    node.configure(nodeConfig(options, { ...open(node), tokenFile: secret(`${TOKEN}\n`) }));
  await pipeline.start();
  await pipeline.placed();
});

afterAll(async () => {
  await pipeline[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

/** A node on all addresses of this machine, which is not loopback. */
function open({ id, listen }: TidemarkNode): { id: string; listen: string } {
  return { id, listen: listen.replace('127.0.0.1', '0.0.0.0') };
}

function secret(content: string): string {
  const file = join(mkdtempSync(join(directory, 'secrets-')), 'token');
  writeFileSync(file, content);
  return file;
}

it('these are the ones that the API says', () => {
  const said = endpoints().filter(({ access }) => access === 'token');
  const wanted = NEEDS_TOKEN.map(([method, path]) => `${method} /v1/${path.replace('/copy/', '/{name}/')}`);
  expect(said.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(wanted.sort());
});

it.each(NEEDS_TOKEN)('%s %s is refused without the token, and with another one', async (method, path) => {
  for (const authorization of [undefined, '', 'Bearer', 'Bearer b1a5ee', `Bearer ${TOKEN}0`, `Basic ${TOKEN}`]) {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const response = await fetch(`http://${pipeline.anyNode.listen}/v1/${path}`, { method, headers });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: 'FORBIDDEN', remedy: 'Send the token of node.tokenFile.' });
  }
});

it.each(['/', '/healthz', '/readyz', '/metrics', '/v1/status', '/v1/journal', '/v1/snapshots'])(
  '%s is open to whoever watches',
  async (path) => {
    expect((await pipeline.anyNode.fetch(path)).status).toBe(200);
  },
);

it('every command sends the token, also from one node to another', async () => {
  await new EtcdGateway(source.url).put('/conftool/a', 'x');
  for (const node of pipeline.nodes) {
    expect(await node.command('pause', 'copy')).toMatchObject({ code: 0 });
    expect(await node.command('resume', 'copy')).toMatchObject({ code: 0 });
    await node.reached('copy', 1);
    expect(await node.command('verify', 'copy', '--repair')).toMatchObject({ code: 0 });
    expect(await node.command('journal', 'cat')).toMatchObject({ code: 0 });
    expect(await node.command('step-down')).toMatchObject({ code: 0 });
    await pipeline.leader();
  }
});

it.each([
  ['is empty, and so known to everybody', () => secret('\n'), 'is empty'],
  ['cannot be read', () => join(directory, 'nothing'), 'cannot be read (ENOENT)'],
])('a node whose token %s does not start', async (_, file, reason) => {
  const config = join(directory, 'alone.yaml');
  const options = {
    source,
    nats: { url: 'nats://127.0.0.1:1' },
    destinations: [
      { name: 'copy', kind: 'etcd', endpoints: ['http://127.0.0.1:1'], routes: [{ prefix: '/conftool/' }] },
    ],
  };
  const node = { id: 'alone', listen: '0.0.0.0:1', tokenFile: file() };
  writeFileSync(config, JSON.stringify(nodeConfig(options, node)));
  const { code, stderr } = await tidemark(['run', '-c', config]);
  expect(code).toBe(1);
  expect(stderr).toContain(`node.tokenFile: ${node.tokenFile} ${reason}`);
});
