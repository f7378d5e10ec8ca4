import { readdirSync } from 'node:fs';
import { configJsonSchema, loadConfig, parseConfig } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { deployed, deployedText } from './support/files.js';

const EXAMPLES = readdirSync(deployed('examples'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.yaml'),
);

/** `#key: value`: a setting with its default. Prose has a space after the `#`. */
const DEFAULTS = /(?<=^ *)#(?=\w+:)/gm;
/** `#+key: value`, `#+  key: value`, `#+- key: value`: a setting without a default. */
const OPTIONS = /(?<=^ *)#\+/gm;

function uncommented(text: string, ...marks: readonly RegExp[]): string {
  return marks.reduce((result, mark) => result.replaceAll(mark, ''), text);
}

describe('examples', () => {
  it('are these', () => {
    expect(EXAMPLES.toSorted()).toEqual([
      'compose/tidemark-1.yaml',
      'compose/tidemark-2.yaml',
      'compose/tidemark-3.yaml',
      'three-conf-hosts/conf1.yaml',
      'three-conf-hosts/conf2.yaml',
      'three-conf-hosts/conf3.yaml',
      'tidemark.yaml',
    ]);
  });

  it.each(EXAMPLES)('%s is a valid configuration', (file) => {
    expect(() => loadConfig(deployed(`examples/${file}`))).not.toThrow();
  });

  it.each(EXAMPLES)('%s is valid with all that is commented out', (file) => {
    const text = uncommented(deployedText(`examples/${file}`), DEFAULTS, OPTIONS);
    expect(() => parseConfig(text, file)).not.toThrow();
  });
});

describe('the commented example', () => {
  const text = deployedText('examples/tidemark.yaml');

  it('shows the defaults as they are', () => {
    const complete = uncommented(text, DEFAULTS);
    expect(complete).not.toBe(text);
    expect(parseConfig(complete, 'all.yaml')).toEqual(parseConfig(text, 'short.yaml'));
  });

  it('names every setting there is', () => {
    const complete = uncommented(text, DEFAULTS, OPTIONS);
    expect([...keysOf(parse(complete))].toSorted()).toEqual([...propertiesOf(configJsonSchema())].toSorted());
  });
});

describe('the three conf hosts', () => {
  const names = ['conf2004', 'conf2005', 'conf2006'];
  const configs = [1, 2, 3].map((number) => loadConfig(deployed(`examples/three-conf-hosts/conf${number}.yaml`)));

  it('differ in nothing but the node', () => {
    const [first, ...others] = configs.map((config) => ({ ...config, node: null }));
    for (const other of others) expect(other).toEqual(first);
    expect(configs.map(({ node }) => node.id)).toEqual(names);
    expect(configs.map(({ node }) => node.listen)).toEqual(names.map((name) => `${name}.codfw.example.net:8686`));
  });

  it.each(configs)(
    'survive the loss of any one machine: $node.id',
    ({ source, coordination, journal, destinations }) => {
      const hosts = (urls: readonly string[]) => urls.map((url) => new URL(url).hostname.split('.')[0]);
      expect(hosts(source.endpoints)).toEqual(names);
      expect(hosts(coordination.endpoints)).toEqual(names);
      expect(hosts(journal.servers)).toEqual(names);
      expect(journal.replicas).toBe(3);
      for (const destination of destinations)
        expect(destination.kind === 'etcd' && destination.endpoints.length).toBe(3);
    },
  );

  it.each(configs)(
    'encrypt every hop, and keep secrets in files: $node.id',
    ({ source, journal, node, destinations }) => {
      const urls = [
        ...source.endpoints,
        ...journal.servers,
        ...destinations.flatMap((each) => (each.kind === 'etcd' ? each.endpoints : (each.url ?? []))),
      ];
      for (const url of urls) expect(url).toMatch(/^(https|tls):\/\/[^@]+$/);
      for (const hop of [source, journal, ...destinations])
        expect(hop.tls).toMatchObject({ ca: expect.any(String), cert: expect.any(String) });
      for (const hop of [source, ...destinations])
        expect(hop.auth?.passwordFile).toMatch(/^\/etc\/tidemark\/secrets\//);
      expect(node.tokenFile).toMatch(/^\/etc\/tidemark\/secrets\//);
    },
  );

  it.each(configs)('do not carry locks over: $node.id', ({ destinations }) => {
    const routes = destinations.flatMap((destination) => destination.routes);
    expect(routes.find(({ prefix }) => prefix === '/conftool/')?.exclude).toContain('/conftool/v1/locks/');
    expect(routes.map(({ leased }) => leased)).toEqual(routes.map(() => 'skip'));
  });
});

/** Every key of a document, at any depth. */
function keysOf(value: unknown): Set<string> {
  if (Array.isArray(value)) return new Set(value.flatMap((item) => [...keysOf(item)]));
  if (value === null || typeof value !== 'object') return new Set();
  return new Set(Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)]));
}

/** Every property name of a JSON Schema, at any depth. */
function propertiesOf(schema: unknown): Set<string> {
  if (Array.isArray(schema)) return new Set(schema.flatMap((item) => [...propertiesOf(item)]));
  if (schema === null || typeof schema !== 'object') return new Set();
  return new Set(
    Object.entries(schema).flatMap(([key, inner]) => [
      ...(key === 'properties' ? Object.keys(inner as object) : []),
      ...(key === 'properties'
        ? Object.values(inner as object).flatMap((each) => [...propertiesOf(each)])
        : propertiesOf(inner)),
    ]),
  );
}
