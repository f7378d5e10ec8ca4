import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../src/index.js';

const SOURCE = 'http://conf1001.example.net:2379';
const ELSEWHERE = 'http://conf2001.example.net:2379';

interface Wanted {
  readonly [key: string]: unknown;
}

function etcd(endpoint: string, routes: readonly Wanted[], more: Wanted = {}): Wanted {
  return { kind: 'etcd', endpoints: [endpoint], routes, ...more };
}

function redis(url: string, routes: readonly Wanted[], more: Wanted = {}): Wanted {
  return { kind: 'redis', url, routes, ...more };
}

/** What is wrong with a pipeline of these destinations: `key: reason`. */
function problems(destinations: readonly Wanted[], more: Wanted = {}): string[] {
  const config = {
    name: 'eqiad',
    source: { endpoints: [SOURCE, 'http://conf1002.example.net:2379'] },
    journal: { servers: ['nats://127.0.0.1:4222'] },
    destinations: destinations.map((destination, index) => ({ name: `d${index}`, ...destination })),
    ...more,
  };
  try {
    parseConfig(JSON.stringify(config, null, 1), 'x.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ key, reason }) => `${key}: ${reason}`);
  }
}

const A_TO_B = { prefix: '/a/', rewrite: '/b/' };
const B_TO_A = { prefix: '/b/', rewrite: '/a/' };

describe('a configuration is refused in which', () => {
  it.each<[string, readonly Wanted[], string]>([
    [
      'a destination at the source writes where it reads',
      [etcd(SOURCE, [{ prefix: '/a/' }])],
      'destinations[0].routes[0].prefix: writes to "/a/" of the source itself, where destinations[0].routes[0] reads "/a/"',
    ],
    [
      'it writes inside of what it reads',
      [etcd(SOURCE, [{ prefix: '/a/', rewrite: '/a/copy/' }])],
      'destinations[0].routes[0].rewrite: writes to "/a/copy/" of the source itself',
    ],
    [
      'the source is only another of its members',
      [etcd('http://CONF1002.example.net:2379', [{ prefix: '/a/' }])],
      'writes to "/a/" of the source itself',
    ],
    [
      'two routes at the source feed each other',
      [etcd(SOURCE, [A_TO_B, B_TO_A])],
      'destinations[0].routes[0].rewrite: writes to "/b/" of the source itself, where destinations[0].routes[1] reads "/b/"',
    ],
    [
      'two destinations at the source feed each other',
      [etcd(SOURCE, [A_TO_B]), etcd(SOURCE, [B_TO_A])],
      'destinations[1].routes[0].rewrite: writes to "/a/" of the source itself, where destinations[0].routes[0] reads "/a/"',
    ],
    [
      'a route reads what coordination keeps',
      [etcd(ELSEWHERE, [{ prefix: '/__tidemark/x/' }])],
      'destinations[0].routes[0].prefix: "/__tidemark/x/" lies in coordination.prefix "/__tidemark/"',
    ],
    [
      'a route writes what checkpoints keep',
      [etcd(ELSEWHERE, [{ prefix: '/a/', rewrite: '/__tidemark/a/' }])],
      'destinations[0].routes[0].rewrite: writes to "/__tidemark/a/", which lies in checkpointPrefix "/__tidemark/"',
    ],
    [
      'a route writes over the elections',
      [etcd(SOURCE, [{ prefix: '/a/', rewrite: '/__tidemark/a/' }], { checkpointPrefix: '/cp/' })],
      'over coordination.prefix "/__tidemark/" of the same cluster',
    ],
    [
      "a route writes over another destination's checkpoint",
      [
        etcd(ELSEWHERE, [{ prefix: '/a/' }], { checkpointPrefix: '/cp/' }),
        etcd(ELSEWHERE, [{ prefix: '/b/', rewrite: '/cp/b/' }]),
      ],
      'destinations[1].routes[0].rewrite: writes to "/cp/b/", over checkpointPrefix of destinations[0]',
    ],
    [
      'a route reads the checkpoint of a destination at the source',
      [etcd(SOURCE, [A_TO_B], { checkpointPrefix: '/cp/' }), etcd(ELSEWHERE, [{ prefix: '' }])],
      'destinations[1].routes[0].prefix: "" reads the checkpoints of destinations[0]',
    ],
    [
      'two destinations at one cluster write the same keys',
      [etcd(ELSEWHERE, [{ prefix: '/a/' }]), etcd(ELSEWHERE, [{ prefix: '/b/', rewrite: '/a/b/' }])],
      'destinations[1].routes[0].rewrite: writes to "/a/b/", which overlaps "/a/" of destinations[0].routes[0] at the same server',
    ],
    [
      'two destinations at one Redis write the same keys',
      [
        redis('redis://localhost:6379', [{ prefix: '/a/' }], { keyPrefix: 'x' }),
        redis('redis://127.0.0.1/0', [{ prefix: '/a/', rewrite: 'x/a/' }]),
      ],
      'destinations[1].routes[0].rewrite: writes to "x/a/", which overlaps "x/a/"',
    ],
  ])('%s', (_, destinations, expected) => {
    expect(problems(destinations).join('\n')).toContain(expected);
  });

  it('two rewrites of one destination overlap', () => {
    const routes = [
      { prefix: '/a/', rewrite: '/x/' },
      { prefix: '/b/', rewrite: '/x/y/' },
    ];
    expect(problems([etcd(ELSEWHERE, routes)])).toEqual([
      expect.stringContaining('destinations[0].routes[1].rewrite: writes to "/x/y/", which overlaps routes[0]'),
    ]);
  });
});

describe('a configuration is taken in which', () => {
  it.each<[string, readonly Wanted[]]>([
    ['a destination at the source copies to a place that nobody reads', [etcd(SOURCE, [A_TO_B])]],
    [
      'it copies into a part of its own that is excluded',
      [etcd(SOURCE, [{ prefix: '/a/', rewrite: '/a/copy/', exclude: ['/a/copy/'] }])],
    ],
    ['another cluster gets the same keys', [etcd(ELSEWHERE, [{ prefix: '' }])]],
    ['another port of the same host is another cluster', [etcd(SOURCE.replace('2379', '3379'), [{ prefix: '/a/' }])]],
    ['two destinations share a cluster', [etcd(ELSEWHERE, [{ prefix: '/a/' }]), etcd(ELSEWHERE, [{ prefix: '/b/' }])]],
    [
      'one takes what the other one at the same cluster leaves out',
      [etcd(ELSEWHERE, [{ prefix: '/a/', exclude: ['/a/x/'] }]), etcd(ELSEWHERE, [{ prefix: '/a/x/' }])],
    ],
    [
      'two databases of one Redis get the same keys',
      [redis('redis://127.0.0.1/0', [{ prefix: '/a/' }]), redis('redis://127.0.0.1/1', [{ prefix: '/a/' }])],
    ],
  ])('%s', (_, destinations) => {
    expect(problems(destinations)).toEqual([]);
  });

  it('everything is read, and coordination is elsewhere', () => {
    const coordination = { endpoints: ['http://127.0.0.1:9379'], prefix: '/coordination/' };
    expect(problems([etcd(SOURCE, [{ prefix: '/a/', rewrite: '/coordination/' }])], { coordination })).toEqual([]);
  });
});
