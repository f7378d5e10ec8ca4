import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type Config, loadConfig } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { BinaryName } from '../../scripts/lib/find-binary.mjs';
import { deployed, deployedText } from './support/files.js';
import { binary, runToEnd } from './support/programs.js';

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly hostname?: string;
  readonly volumes?: readonly string[];
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck: { readonly test: readonly string[] };
  readonly ports?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const FILE = deployed('compose/compose.yaml');
// Compose merges `<<` keys, as YAML 1.1 does.
const compose = parse(deployedText('compose/compose.yaml'), { merge: true }) as Compose;
const services = Object.entries(compose.services).map(([name, service]) => ({ name, ...service }));
const nodes = services.filter(({ name }) => name.startsWith('tidemark-'));

describe('compose.yaml', () => {
  it('has the whole pipeline', () => {
    expect(Object.keys(compose.services).toSorted()).toEqual([
      'destination',
      'journal',
      'redis',
      'source',
      'tidemark-1',
      'tidemark-2',
      'tidemark-3',
    ]);
  });

  it.each(services)('$name: a pinned image and a health check', ({ image, healthcheck }) => {
    expect(image).toMatch(/:v?\d+\.\d+\.\d+(-[a-z]+)?$/);
    expect(healthcheck.test[0]).toBe('CMD');
    expect(healthcheck.test.length).toBeGreaterThan(1);
    for (const word of healthcheck.test) expect(word).toBeTypeOf('string');
  });

  it.each(services)('$name: every mounted file exists, every volume is declared', ({ volumes = [] }) => {
    expect(volumes).not.toEqual([]);
    for (const [source = ''] of volumes.map((volume) => volume.split(':'))) {
      if (source.startsWith('.')) expect([source, existsSync(resolve(dirname(FILE), source))]).toEqual([source, true]);
      else expect(Object.keys(compose.volumes)).toContain(source);
    }
  });

  it('publishes nothing beyond this machine', () => {
    const ports = services.flatMap((service) => service.ports ?? []);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it.each([
    ['source', 'etcd', '--help', /^\s+--([a-z0-9-]+)/gm],
    ['destination', 'etcd', '--help', /^\s+--([a-z0-9-]+)/gm],
    ['journal', 'nats-server', '--help', /--([a-z_]+)/g],
  ] as const)('%s: %s knows every flag', (name, program, help, pattern) => {
    const known = new Set([...runToEnd(binary(program), [help]).output.matchAll(pattern)].map(([, flag]) => flag));
    const flags = (compose.services[name]?.command ?? []).flatMap((argument) => /^--([^=]+)/.exec(argument)?.[1] ?? []);
    expect(flags).not.toEqual([]);
    expect(flags.filter((flag) => !known.has(flag))).toEqual([]);
  });

  it('redis: the server knows every setting', () => {
    const [program, ...settings] = compose.services['redis']?.command ?? [];
    expect(program).toBe('redis-server');
    // A port of 0 and no socket: it would have nothing to listen on, and says so only after it has read all settings.
    const { output } = runToEnd(binary('redis-server' satisfies BinaryName), [
      ...settings,
      '--port',
      '0',
      '--dir',
      '/',
    ]);
    expect(output).toContain('Configured to not listen anywhere');
  });

  it.each(['source', 'destination'])('%s: the limits of deploy/etcd', (name) => {
    const settings = parse(deployedText(`etcd/${name}.yaml`)) as Readonly<Record<string, unknown>>;
    const command = compose.services[name]?.command ?? [];
    for (const key of ['auto-compaction-mode', 'auto-compaction-retention', 'max-request-bytes', 'snapshot-count']) {
      expect(command).toContain(`--${key}=${String(settings[key])}`);
    }
  });
});

describe.each(nodes)('$name', ({ name, hostname, volumes = [], build, depends_on: dependencies = {} }) => {
  const [mount = ''] = volumes;
  const config: Config = loadConfig(resolve(dirname(FILE), mount.split(':')[0] ?? ''));

  it('is configured under its own name', () => {
    expect(mount).toMatch(/:\/etc\/tidemark\/tidemark\.yaml:ro$/);
    expect([hostname, config.node.id, config.node.listen]).toEqual([name, name, `${name}:8686`]);
  });

  it('talks to services that exist and that it waits for', () => {
    const urls = [
      ...config.source.endpoints,
      ...config.journal.servers,
      ...config.destinations.flatMap((each) => (each.kind === 'etcd' ? each.endpoints : (each.url ?? []))),
    ];
    const hosts = urls.map((url) => new URL(url).hostname);
    expect(Object.keys(dependencies).toSorted()).toEqual([...new Set(hosts)].toSorted());
    for (const { condition } of Object.values(dependencies)) expect(condition).toBe('service_healthy');
  });

  it('is built from the bundle and what the bundle needs beside it', () => {
    const context = resolve(dirname(FILE), build?.context ?? '');
    const dockerfile = deployedText(`container/${basename(build?.dockerfile ?? '')}`);
    expect(resolve(context, build?.dockerfile ?? '')).toBe(deployed('container/Dockerfile'));
    // dist/ and proto/ are made by bundle.mjs, which stands in the same directory.
    expect(existsSync(join(context, 'bundle.mjs'))).toBe(true);
    const files = 'dist/tidemark.mjs dist/tidemark.cjs dist/write-code-cache.mjs';
    expect(dockerfile).toContain(`COPY ${files} /usr/lib/tidemark/dist/`);
    expect(dockerfile).toContain('COPY proto /usr/lib/tidemark/proto');
  });
});

it('the image runs the same program with the same limits as the systemd unit', () => {
  const dockerfile = deployedText('container/Dockerfile');
  const unit = deployedText('systemd/tidemark.service');
  const heap = /--max-old-space-size=\d+/.exec(unit)?.[0];
  expect(dockerfile).toContain(`"${heap}"`);
  expect(dockerfile).toContain('TIDEMARK_CONFIG=/etc/tidemark/tidemark.yaml');
  expect(dockerfile).toMatch(/^USER node$/m);
});
