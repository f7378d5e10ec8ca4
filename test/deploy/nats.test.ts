import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@tidemark/core';
import { until } from '@tidemark/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { deployed, deployedText, replaceAllOf } from './support/files.js';
import { binary, freePorts, jsonOf, Program, runToEnd } from './support/programs.js';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const version = /v(\d+)\.(\d+)/.exec(runToEnd(binary('nats-server'), ['--version']).output);
/** `sync_interval` exists from 2.10 on. */
const KNOWS_SYNC = Number(version?.[1]) > 2 || Number(version?.[2]) >= 10;
const SYNC = KNOWS_SYNC ? 'sync.conf.2.10' : 'sync.conf.2.9';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-nats-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

interface Installation {
  readonly sync?: string;
  readonly authorization?: string;
  readonly replacements?: Readonly<Record<string, string>>;
  /** The main file, instead of nats-server.conf. */
  readonly main?: string;
}

let installations = 0;

/** Installs the files as deploy/README.md says, into a directory of their own; returns the main file. */
async function install({
  sync,
  authorization,
  replacements = {},
  main = 'nats-server.conf',
}: Installation): Promise<string> {
  const place = await mkdtemp(join(directory, `${++installations}-`));
  const file = join(place, 'nats-server.conf');
  const text = replaceAllOf(deployedText(`nats/${main}`), {
    ...replacements,
    '/var/lib/nats/jetstream': join(place, 'store'),
  });
  await writeFile(file, text);
  if (sync !== undefined) await copyFile(deployed(`nats/${sync}`), join(place, 'sync.conf'));
  if (authorization !== undefined) await writeFile(join(place, 'authorization.conf'), authorization);
  return file;
}

function check(file: string) {
  return runToEnd(binary('nats-server'), ['-t', '--config', file]);
}

function start(file: string, ready: () => Promise<boolean>, environment: NodeJS.ProcessEnv = {}): Promise<Program> {
  return Program.start({ command: binary('nats-server'), args: ['--config', file], ready, environment });
}

const OPEN = deployedText('nats/authorization.conf.open');

describe('a single nats-server', () => {
  it('runs JetStream with the settings of the file', async () => {
    const [port, monitor] = await freePorts(2);
    const replacements = { '127.0.0.1:4222': `127.0.0.1:${port}`, '127.0.0.1:8222': `127.0.0.1:${monitor}` };
    const file = await install({ sync: SYNC, authorization: OPEN, replacements });
    const url = `http://127.0.0.1:${monitor}`;
    const healthy = async () => (await jsonOf(`${url}/healthz`)) !== undefined;
    await using _server = await start(file, healthy);

    expect(await jsonOf(`${url}/varz`)).toMatchObject({
      server_name: 'tidemark-journal',
      host: '127.0.0.1',
      http_host: '127.0.0.1',
      max_payload: 8 * MIB,
      max_pending: 64 * MIB,
      ping_max: 2,
      jetstream: { config: { max_storage: 24 * GIB, max_memory: 64 * MIB } },
    });
    expect(await jsonOf(`${url}/jsz`)).toMatchObject({ config: { store_dir: join(file, '..', 'store', 'jetstream') } });
  });

  it('has space for the journal and as much again for snapshots', async () => {
    const { journal } = loadConfig(deployed('examples/tidemark.yaml'));
    for (const file of ['nats-server.conf', 'cluster.conf.example']) {
      const storeGib = Number(/^\s*max_file_store: (\d+)GB$/m.exec(deployedText(`nats/${file}`))?.[1]);
      expect(storeGib * GIB).toBeGreaterThanOrEqual(2 * journal.maxBytes);
    }
  });

  it.each([
    ['sync.conf', { authorization: OPEN }],
    ['authorization.conf', { sync: SYNC }],
  ])('does not start while nobody has chosen a %s', async (missing, installation) => {
    const { code, output } = check(await install(installation));
    expect(output).toContain(missing);
    expect(code).not.toBe(0);
  });
});

describe('fsync before each acknowledgement', () => {
  it('is asked for by the file for 2.10, which older servers refuse by name', async () => {
    const { code, output } = check(await install({ sync: 'sync.conf.2.10', authorization: OPEN }));
    if (KNOWS_SYNC) expect([code, output]).toEqual([0, expect.stringContaining('is valid')]);
    else expect([code, output]).toEqual([1, expect.stringContaining('unknown field "sync_interval"')]);
  });

  it('is not asked for by the file for 2.9, which every server takes', async () => {
    const { code, output } = check(await install({ sync: 'sync.conf.2.9', authorization: OPEN }));
    expect([code, output]).toEqual([0, expect.stringContaining('is valid')]);
  });
});

describe('authorization by certificate', () => {
  it('refuses to start without its certificates', async () => {
    const authorization = deployedText('nats/authorization.conf.tls');
    const { code, output } = check(await install({ sync: SYNC, authorization }));
    expect(output).toContain('/etc/nats/tls/');
    expect(code).not.toBe(0);
  });

  it('is a configuration the server understands', async () => {
    const authorization = deployedText('nats/authorization.conf.tls').replace(/^tls \{[^}]*\}/m, '');
    const { code, output } = check(await install({ sync: SYNC, authorization }));
    expect([code, output]).toEqual([0, expect.stringContaining('is valid')]);
  });

  it('names the nodes and the pipeline of the three conf hosts', () => {
    const authorization = deployedText('nats/authorization.conf.tls');
    for (const number of [1, 2, 3]) {
      const { name, node } = loadConfig(deployed(`examples/three-conf-hosts/conf${number}.yaml`));
      expect(authorization).toContain(`user: "CN=${node.id}.codfw.example.net"`);
      // The names of packages/journal/src/nats/stream-config.ts.
      for (const subject of [
        `tidemark.${name}.journal`,
        `$O.TIDEMARK_${name}.>`,
        `$JS.API.*.*.TIDEMARK_${name}`,
        `$JS.API.*.*.OBJ_TIDEMARK_${name}`,
      ]) {
        expect(authorization).toContain(`"${subject}"`);
      }
    }
  });
});

describe('three nats-servers', () => {
  const names = ['conf2004', 'conf2005', 'conf2006'];
  const running: Program[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((program) => program[Symbol.asyncDispose]()));
  });

  /** Starts one of the three; returns the address of its monitoring. */
  async function startMember(name: string, own: Ports, routes: readonly number[]): Promise<string> {
    const replacements = clusterOnLoopback(own, routes);
    const file = await install({ sync: SYNC, authorization: OPEN, main: 'cluster.conf.example', replacements });
    await writeFile(file, withoutRouteTls(await readFile(file, 'utf8')));
    const monitor = `http://127.0.0.1:${own.monitor}`;
    const up = async () => (await jsonOf(`${monitor}/varz`)) !== undefined;
    running.push(await start(file, up, { NATS_SERVER_NAME: name }));
    return monitor;
  }

  it('form one JetStream cluster that can store three copies', async () => {
    const routes = await freePorts(3);
    const monitors: string[] = [];
    for (const [index, name] of names.entries()) {
      const [client, monitor] = await freePorts(2);
      monitors.push(await startMember(name, { client, monitor, route: routes[index] }, routes));
    }
    for (const monitor of monitors) {
      const healthy = async () => (await jsonOf(`${monitor}/healthz`)) !== undefined;
      await until(healthy, { timeoutMs: 30_000, describe: `${monitor} to be healthy` });
      // Healthy with two of three, and the third is known a moment later.
      const complete = async () => JSON.stringify(await jsonOf(`${monitor}/varz`)).includes('"cluster_size":3');
      await until(complete, { timeoutMs: 30_000, describe: `${monitor} to know three members` });
      expect(await jsonOf(`${monitor}/varz`)).toMatchObject({
        max_payload: 8 * MIB,
        cluster: { name: 'tidemark-codfw' },
        jetstream: {
          config: { max_storage: 24 * GIB },
          meta: { cluster_size: 3, leader: expect.stringMatching(/^conf200[456]$/) },
        },
      });
    }
  });

  it('do not start without a name of their own', async () => {
    const { code, output } = check(await install({ sync: SYNC, authorization: OPEN, main: 'cluster.conf.example' }));
    expect(output).toContain('NATS_SERVER_NAME');
    expect(code).not.toBe(0);
  });
});

interface Ports {
  readonly client: number | undefined;
  readonly monitor: number | undefined;
  readonly route: number | undefined;
}

/** Three servers on one machine instead of three machines with the same ports. */
function clusterOnLoopback(
  { client, monitor, route }: Ports,
  routes: readonly number[],
): Readonly<Record<string, string>> {
  return {
    '0.0.0.0:4222': `127.0.0.1:${client}`,
    '127.0.0.1:8222': `127.0.0.1:${monitor}`,
    '0.0.0.0:6222': `127.0.0.1:${route}`,
    'conf2004.codfw.example.net:6222': `127.0.0.1:${routes[0]}`,
    'conf2005.codfw.example.net:6222': `127.0.0.1:${routes[1]}`,
    'conf2006.codfw.example.net:6222': `127.0.0.1:${routes[2]}`,
  };
}

/** There are no certificates here: the routes' TLS is taken out, and has to have been there. */
function withoutRouteTls(text: string): string {
  const plain = text.replace(/^ {2}tls \{[^}]*verify: true[^}]*\}/m, '');
  expect(plain).not.toBe(text);
  return plain;
}
