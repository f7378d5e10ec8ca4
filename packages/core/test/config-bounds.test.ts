import { describe, expect, it } from 'vitest';
import { ConfigError, configJsonSchema, parseConfig } from '../src/index.js';

interface Settings {
  readonly coordination?: string;
  readonly journal?: string;
  readonly brakes?: string;
  readonly destination?: string;
}

function config({ coordination = '', journal = '', brakes = '', destination = '' }: Settings): string {
  return `
name: eqiad
source: {endpoints: [http://127.0.0.1:2379]}
coordination: {${coordination}}
journal:
  servers: [nats://127.0.0.1:4222]
  ${journal}
destinations:
  - name: codfw
    kind: etcd
    endpoints: [http://127.0.0.1:3379]
    routes: [{prefix: /conftool/}]
    brakes: {${brakes}}
    ${destination}
`;
}

function problems(settings: Settings): string[] {
  try {
    parseConfig(config(settings), 'x.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n');
  }
}

const JOURNAL = 'x.yaml:7:3: journal';
const DESTINATION = 'x.yaml:14:5: destinations[0]';

const REFUSED: [Settings, string][] = [
  [{ coordination: 'leaseTtl: 1s' }, 'x.yaml:4:16: coordination.leaseTtl: expected 2s to 10m: etcd grants'],
  [{ coordination: 'leaseTtl: 11m' }, 'x.yaml:4:16: coordination.leaseTtl: expected 2s to 10m: etcd grants'],
  [{ journal: 'maxAge: 0s' }, `${JOURNAL}.maxAge: expected 5s to 3650d: records have to be read`],
  [{ journal: 'maxAge: 4s' }, `${JOURNAL}.maxAge: expected 5s to 3650d: records have to be read`],
  [{ journal: 'maxAge: 3651d' }, `${JOURNAL}.maxAge: expected 5s to 3650d: records have to be read`],
  [{ journal: `maxAge: ${'9'.repeat(400)}d` }, `${JOURNAL}.maxAge: expected 5s to 3650d: records have to be read`],
  [{ journal: 'maxBytes: 0B' }, `${JOURNAL}.maxBytes: expected 512KiB to 1024TiB: a smaller journal loses`],
  [{ journal: 'maxBytes: 2000TiB' }, `${JOURNAL}.maxBytes: expected 512KiB to 1024TiB: a smaller journal loses`],
  [{ journal: 'snapshotEvery: 0s' }, `${JOURNAL}.snapshotEvery: expected 1m to 365d: each one reads`],
  [{ journal: 'snapshotEvery: 366d' }, `${JOURNAL}.snapshotEvery: expected 1m to 365d: each one reads`],
  [{ brakes: 'window: 0s' }, 'x.yaml:13:14: destinations[0].brakes.window: expected 1s to 7d: in no time'],
  [{ brakes: 'window: 8d' }, 'x.yaml:13:14: destinations[0].brakes.window: expected 1s to 7d: in no time'],
  [
    { brakes: 'maxBacklogAge: 0s' },
    'x.yaml:13:14: destinations[0].brakes.maxBacklogAge: expected 1s to 365d: a change',
  ],
  [
    { brakes: 'maxBacklogAge: 366d' },
    'x.yaml:13:14: destinations[0].brakes.maxBacklogAge: expected 1s to 365d: a change',
  ],
  [{ destination: 'delay: 366d' }, `${DESTINATION}.delay: expected 0s to 365d: changes have to wait`],
  [{ destination: 'verifyEvery: 0s' }, `${DESTINATION}.verifyEvery: expected 1s to 365d: each comparison reads`],
  [{ destination: 'verifyEvery: 366d' }, `${DESTINATION}.verifyEvery: expected 1s to 365d: each comparison reads`],
  [{ destination: 'verifyEvery: 0.4ms' }, `${DESTINATION}.verifyEvery: expected 1s to 365d: each comparison reads`],
];

/** Names of the settings that are written with a unit, anywhere below. */
function* settingsWithUnits(schema: unknown, name = ''): Generator<string> {
  if (typeof schema !== 'object' || schema === null) return;
  if ('pattern' in schema && /ms\||KiB\|/.test(String(schema.pattern))) yield name;
  for (const [key, value] of Object.entries(schema)) {
    const named = key !== 'anyOf' && key !== 'properties' && Number.isNaN(Number(key));
    yield* settingsWithUnits(value, named ? key : name);
  }
}

describe('a duration or size', () => {
  it.each(REFUSED)('that makes no sense is refused with the reason: %o', (settings, expected) => {
    const [found, ...others] = problems(settings);
    expect(found).toContain(expected);
    expect(others).toEqual([]);
  });

  it.each<[Settings]>([
    [{ coordination: 'leaseTtl: 2s' }],
    [{ coordination: 'leaseTtl: 10m' }],
    [{ journal: 'maxAge: 5s' }],
    [{ journal: 'maxAge: 3650d' }],
    [{ journal: 'maxBytes: 512KiB' }],
    [{ journal: 'maxBytes: 1024TiB' }],
    [{ journal: 'snapshotEvery: 1m' }],
    [{ journal: 'snapshotEvery: 365d' }],
    [{ brakes: 'window: 1s' }],
    [{ brakes: 'maxBacklogAge: 1s' }],
    [{ destination: 'verifyEvery: 1s' }],
    [{ destination: 'verifyEvery: 30d' }],
    [{ destination: 'verifyEvery: 365d' }],
    [{ destination: 'verifyEvery: off' }],
    [{ destination: 'delay: 0s' }],
  ])('that makes sense is taken: %o', (settings) => {
    expect(problems(settings)).toEqual([]);
  });

  it('has its bounds here, whichever setting it belongs to', () => {
    const settings = [...settingsWithUnits(configJsonSchema())];
    expect(new Set(settings)).toEqual(
      new Set(REFUSED.flatMap(([setting]) => /(\w+): /.exec(JSON.stringify(setting))?.[1])),
    );
  });
});

describe('a delay', () => {
  it.each([
    ['journal.maxAge', 'maxAge: 1h', '1h', '1h'],
    ['journal.maxAge', 'maxAge: 90m', '91m', '90m'],
    ['the default of journal.maxAge', '', '8d', '7d'],
  ])('that is not below %s is refused', (_, journal, delay, shown) => {
    const [found] = problems({ journal, destination: `delay: ${delay}` });
    expect(found).toContain(`.delay: is not below journal.maxAge, which is ${shown}: changes would be removed`);
  });

  it('below journal.maxAge is taken', () => {
    expect(problems({ journal: 'maxAge: 1h', destination: 'delay: 59m' })).toEqual([]);
  });
});

describe('a port', () => {
  it('of more than 65535 is refused', () => {
    const text = `${config({})}node: {listen: "127.0.0.1:65536"}\n`;
    expect(() => parseConfig(text, 'x.yaml')).toThrow('node.listen: expected a port of at most 65535');
  });
});
