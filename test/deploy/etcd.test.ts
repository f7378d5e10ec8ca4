import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@tidemark/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { deployed, deployedText } from './support/files.js';
import { binary, freePorts, jsonOf, Program, runToEnd } from './support/programs.js';

type Settings = Readonly<Record<string, unknown>>;

const FILES = ['source.yaml', 'destination.yaml'] as const;
const settingsOf = (file: string) => parse(deployedText(`etcd/${file}`)) as Settings;
/** The keys below client-transport-security and peer-transport-security (etcd's Documentation, configuration file). */
const TLS_KEYS = ['cert-file', 'key-file', 'trusted-ca-file', 'client-cert-auth'];
const TLS_SECTIONS = ['client-transport-security', 'peer-transport-security'];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-etcd-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

interface RunningEtcd extends AsyncDisposable {
  readonly output: string;
  /** Puts a value of so many bytes; returns what etcdctl printed. */
  put(key: string, bytes: number): string;
}

/** Starts etcd with a copy of the file in which only what belongs to the host is replaced: URLs, directory, certificates. */
async function start(file: string): Promise<RunningEtcd> {
  const [client, peer] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
  const settings = settingsOf(file);
  const withoutTls = Object.entries(settings).filter(([key]) => !TLS_SECTIONS.includes(key));
  const copy = {
    ...Object.fromEntries(withoutTls),
    'data-dir': join(directory, file, 'data'),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `${String(settings['name'])}=${peer}`,
  };
  const path = join(directory, file.replace('.yaml', '.copy.yaml'));
  await writeFile(path, stringify(copy));
  const healthy = async () => (await jsonOf(`${client}/health`)) !== undefined;
  const program = await Program.start({
    command: binary('etcd'),
    args: ['--config-file', path],
    ready: healthy,
    // etcd 3.4 starts on arm64 only when asked to.
    environment: process.arch === 'arm64' ? { ETCD_UNSUPPORTED_ARCH: 'arm64' } : {},
  });
  return {
    get output() {
      return program.output;
    },
    put: (key, bytes) => {
      const options = { environment: { ETCDCTL_API: '3' }, input: 'x'.repeat(bytes) };
      return runToEnd(binary('etcdctl'), [`--endpoints=${client}`, 'put', key], options).output;
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

describe.each(FILES)('%s', (file) => {
  it('has only keys that etcd knows: it would ignore all others without a word', () => {
    const flags = new Set(
      [...runToEnd(binary('etcd'), ['--help']).output.matchAll(/^\s+--([a-z0-9-]+)/gm)].map(([, flag]) => flag),
    );
    const keys = Object.keys(settingsOf(file)).filter((key) => !TLS_SECTIONS.includes(key));
    expect(keys.filter((key) => !flags.has(key))).toEqual([]);
  });

  it('encrypts and authenticates clients and peers', () => {
    for (const section of TLS_SECTIONS) {
      const tls = settingsOf(file)[section] as Settings;
      expect(Object.keys(tls).toSorted()).toEqual(TLS_KEYS.toSorted());
      expect(tls['client-cert-auth']).toBe(true);
    }
    const urls = Object.entries(settingsOf(file))
      .filter(([key]) => key.endsWith('-urls'))
      .flatMap(([, value]) => String(value).split(','));
    for (const url of urls) expect(url).toMatch(/^https:/);
  });

  it('is what a running etcd uses', async () => {
    const settings = settingsOf(file);
    await using etcd = await start(file);
    const started = logLine(etcd.output, 'starting an etcd server');
    for (const key of [
      'name',
      'quota-backend-bytes',
      'max-request-bytes',
      'snapshot-count',
      'auto-compaction-mode',
      'initial-cluster-token',
    ]) {
      expect([key, started[key]]).toEqual([key, settings[key]]);
    }
    expect(started['auto-compaction-retention']).toBe(`${String(settings['auto-compaction-retention'])}0m0s`);
  });
});

describe('source.yaml and destination.yaml', () => {
  it('let the destination take the largest value that the source takes, and what a transaction adds', async () => {
    await using source = await start('source.yaml');
    await using destination = await start('destination.yaml');
    const limit = Number(settingsOf('source.yaml')['max-request-bytes']);
    // A put's request is the value, the key and a few bytes of framing.
    expect(source.put('/conftool/largest', limit - 64)).toBe('OK\n');
    expect(source.put('/conftool/too-large', limit)).toContain('request is too large');
    // A compare, a checkpoint and framing: some hundred bytes, and as much again for long keys.
    expect(destination.put('/conftool/largest', limit + 4096)).toBe('OK\n');
  });

  it('keep less history at the destination than at the source', () => {
    const hours = (file: string) => Number(/^(\d+)h$/.exec(String(settingsOf(file)['auto-compaction-retention']))?.[1]);
    expect(hours('destination.yaml')).toBeLessThan(hours('source.yaml'));
  });

  it('are members of the clusters that the three conf hosts replicate', () => {
    const { name, source, destinations } = loadConfig(deployed('examples/three-conf-hosts/conf1.yaml'));
    const [destination] = destinations;
    expect(membersOf('source.yaml')).toEqual(source.endpoints.map((url) => new URL(url).hostname));
    expect(membersOf('destination.yaml')).toEqual(
      destination?.kind === 'etcd' && destination.endpoints.map((url) => new URL(url).hostname),
    );
    expect(settingsOf('source.yaml')['initial-cluster-token']).toBe(name);
  });
});

function membersOf(file: string): string[] {
  return String(settingsOf(file)['initial-cluster'])
    .split(',')
    .map((member) => new URL(member.replace(/^[^=]+=/, '')).hostname);
}

/** The fields of a line of etcd's JSON log. */
function logLine(output: string, message: string): Settings {
  const line = output.split('\n').find((each) => each.startsWith('{') && each.includes(`"msg":"${message}"`));
  if (line === undefined) throw new Error(`etcd did not log "${message}":\n${output}`);
  return JSON.parse(line) as Settings;
}
