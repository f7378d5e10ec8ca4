import { describe, expect, it } from 'vitest';
import { ConfigError, hashTag, parseConfig } from '../src/index.js';

const MINIMAL = `
name: eqiad
source: {endpoints: [http://127.0.0.1:2379]}
journal: {servers: [nats://127.0.0.1:4222]}
destinations:
  - name: codfw
    kind: etcd
    endpoints: [http://127.0.0.1:3379]
    routes:
      - {prefix: /conftool/}
`;

function problems(text: string): string[] {
  try {
    parseConfig(text, 'x.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n');
  }
}

describe('a configuration', () => {
  it('is filled with defaults', () => {
    const config = parseConfig(MINIMAL, 'x.yaml');
    expect(config.coordination).toMatchObject({
      endpoints: ['http://127.0.0.1:2379'],
      prefix: '/__tidemark/',
      leaseTtl: 10_000,
    });
    expect(config.journal).toMatchObject({ replicas: 1, maxAge: 604_800_000, maxBytes: 8 * 1024 ** 3 });
    expect(config.node.id).not.toBe('');
    expect(config.destinations[0]).toMatchObject({
      checkpointPrefix: '/__tidemark/',
      brakes: { maxDeletes: 1000, maxDeletePercent: 20, maxBacklogAge: null, window: 60_000 },
      routes: [{ prefix: '/conftool/', exclude: [], leased: 'keep' }],
    });
  });

  it.each([
    [
      'an unknown key',
      MINIMAL.replace('name: eqiad', 'name: eqiad\nnodes: 3'),
      'x.yaml:3:1: nodes: is not a known key',
    ],
    ['a missing key', MINIMAL.replace(/^journal.*$/m, ''), 'x.yaml:2:1: journal: is missing: expected object'],
    [
      'a wrong unit',
      MINIMAL.replace('4222]', '4222], maxAge: 7x'),
      'x.yaml:4:45: journal.maxAge: expected a duration such as 7d',
    ],
    [
      'a wrong word',
      MINIMAL.replace('/conftool/}', '/conftool/, leased: maybe}'),
      'x.yaml:10:30: destinations[0].routes[0].leased: expected "keep" or "skip"',
    ],
    [
      'a wrong kind',
      MINIMAL.replace('kind: etcd', 'kind: consul'),
      'x.yaml:7:5: destinations[0].kind: expected kind: etcd or kind: redis',
    ],
    [
      'a wrong scheme',
      MINIMAL.replace('http://127.0.0.1:3379', 'ftp://x'),
      'x.yaml:8:17: destinations[0].endpoints[0]: expected a URL that starts with http:// or https://',
    ],
    [
      'an exclude outside',
      MINIMAL.replace('/conftool/}', '/conftool/, exclude: [/x]}'),
      'x.yaml:10:40: destinations[0].routes[0].exclude[0]: lies outside the route',
    ],
    [
      'overlapping routes',
      MINIMAL.replace('/conftool/}', '/conftool/}\n      - {prefix: /a/, rewrite: /conftool/a/}'),
      'x.yaml:11:23: destinations[0].routes[1].rewrite: writes to "/conftool/a/", which overlaps routes[0]',
    ],
    ['broken YAML', 'name: [', 'x.yaml:1:8: is not valid YAML'],
    ['an empty file', '', 'x.yaml:1:1: source: is missing'],
  ])('with %s is refused, saying where and why', (_, text, expected) => {
    expect(problems(text).join('\n')).toContain(expected);
  });

  it('with two destinations of one name is refused', () => {
    const twice = `${MINIMAL}${MINIMAL.slice(MINIMAL.indexOf('  - name'))}`;
    expect(problems(twice)[0]).toContain('destinations[1].name: "codfw" is already the name of destinations[0]');
  });

  it('reports every problem at once, in the order of the file', () => {
    const text = MINIMAL.replace('eqiad', '"-"')
      .replace('/conftool/}', '/conftool/, leased: maybe}')
      .replace('4222]', '4222], replicas: 2');
    const found = problems(text);
    expect(found).toHaveLength(3);
    expect(found.map((line) => Number(line.split(':')[1]))).toEqual([2, 4, 10]);
  });
});

describe('a Redis destination', () => {
  const redis = (rest: string) =>
    MINIMAL.slice(0, MINIMAL.indexOf('  - name')).concat(
      `  - {name: cache, kind: redis, routes: [{prefix: /conftool/}], ${rest}}\n`,
    );

  it.each([
    'url: redis://127.0.0.1',
    'url: "rediss://[::1]:6380/3", tls: {ca: ca.pem}',
    'sentinel: {name: conf, addresses: [s1:26379, "[::1]:26379"]}, tls: {}',
    'cluster: {addresses: [r1:6379]}, keyPrefix: "a{conf}:", auth: {passwordFile: p}',
  ])('may be reached by %s', (rest) => {
    expect(problems(redis(rest))).toEqual([]);
  });

  it.each([
    ['keyPrefix: a', 'kind: expected exactly one of url, sentinel and cluster'],
    ['url: redis://a, cluster: {addresses: [r1:6379]}, keyPrefix: "{a}"', 'cluster: expected exactly one of url'],
    ['url: redis://user:secret@a', 'url: holds a user or a password: secrets belong in files'],
    ['url: redis://a/b', 'url: expected redis://HOST:PORT/DATABASE'],
    ['url: redis://a, tls: {}', 'url: is not encrypted although tls is set'],
    ['sentinel: {name: conf, addresses: ["redis://a:1"]}', 'sentinel.addresses[0]: expected HOST:PORT'],
    ['cluster: {addresses: [r1:6379]}, keyPrefix: "conf:"', 'keyPrefix: has no hash tag'],
    ['cluster: {addresses: [r1:6379]}, keyPrefix: "{}conf:"', 'keyPrefix: has no hash tag'],
  ])('with %s is refused', (rest, expected) => {
    const found = problems(redis(rest)).join('\n');
    expect(found).toContain(`destinations[0].${expected}`);
    expect(found).not.toContain('secret@');
  });
});

describe('a hash tag', () => {
  it.each([
    ['{conf}:a', 'conf'],
    ['a{b}{c}', 'b'],
    ['a{b', null],
    ['{}{b}', null],
    ['a}{b}', 'b'],
    ['{{a}}', '{a'],
  ])('of %s is %s', (key, tag) => {
    expect(hashTag(key)).toBe(tag);
  });
});
