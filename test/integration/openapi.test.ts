import { EtcdGateway, type EtcdServer, localServers, Pipeline, type Servers } from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Described, Description } from './support/openapi.js';

/** Every path of /openapi.json, called at a real node: status, media type and body are what the document says. */

const KEYS = 60;
const BY = { by: 'test@host' };
const ROUTES = [{ prefix: '/conf/' }];

interface Call {
  /** The destination in the path. */
  readonly name?: string;
  readonly query?: string;
  readonly body?: object | (() => Promise<object>);
  readonly before?: () => Promise<unknown>;
  /** Looks at what came, which conforms to the document. */
  readonly after?: (text: string) => void;
}

let servers: Servers;
let source: EtcdServer;
let gateway: EtcdGateway;
let pipeline: Pipeline;
let description: Description;

beforeAll(async () => {
  servers = localServers();
  const [from, to, redis, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.redis(), servers.nats()]);
  source = from;
  gateway = new EtcdGateway(source.url);
  const brakes = { maxDeletes: 10, maxDeletePercent: 'off' };
  const destinations = [
    { name: 'copy', kind: 'etcd', endpoints: [to.url], routes: ROUTES, brakes },
    { name: 'cache', kind: 'redis', url: redis.url, routes: ROUTES, brakes: { maxDeletes: 'off' } },
  ];
  pipeline = await Pipeline.start({ source, nats, destinations, nodes: 1 });
  for (let n = 0; n < KEYS; n++) await gateway.put(`/conf/${n}`, `value ${n}`);
  await caughtUp();
  description = new Description(await (await pipeline.anyNode.fetch('/openapi.json')).text());
});

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
});

async function caughtUp(): Promise<void> {
  const revision = await gateway.put('/conf/last', 'x');
  await pipeline.leader();
  for (const name of ['copy', 'cache']) await pipeline.anyNode.reached(name, revision);
}

async function becomes(state: string): Promise<void> {
  const { name } = await pipeline.anyNode.destination();
  await pipeline.anyNode.showsState(name, state, 30_000);
}

/** A mass delete, which the brake stops. */
async function held(): Promise<void> {
  await source.etcdctl(['del', '/conf/1', '--prefix']);
  await becomes('held');
}

async function holdOf(name: string): Promise<{ id: string }> {
  const status = await pipeline.anyNode.status();
  const hold = status.destinations.find((each) => each.name === name)?.hold;
  if (hold === undefined || hold === null) throw new Error(`${name} is not held`);
  return { id: hold.id };
}

const inBoth = (call: Call): readonly Call[] => [
  { ...call, name: 'copy' },
  { ...call, name: 'cache' },
];

/** In the order in which they are called. */
const CALLS: Readonly<Record<string, readonly Call[]>> = {
  'GET /': [{ after: (text) => expect(text).toContain('<title>Tidemark test') }],
  'GET /healthz': [{ after: (text) => expect(text).toBe('ok\n') }],
  'GET /readyz': [{ after: (text) => expect(text).toContain('"ready":true') }],
  'GET /metrics': [{ after: (text) => expect(text).toContain('tidemark_build_info') }],
  'GET /openapi.json': [{}],
  'GET /v1/status': [{}, { query: '?scope=node', after: (text) => expect(text).toContain('"hops"') }],
  'POST /v1/snapshots': [{}],
  'GET /v1/snapshots': [{ after: (text) => expect(text).not.toBe('[]') }],
  'GET /v1/journal': [{ after: (text) => expect(text).not.toContain('"last":null') }],
  'GET /v1/journal/records': [
    {
      query: '?from=0',
      after: (text) => expect(text).toMatch(/"kind":"reset".+"kind":"batch".+"kind":"snapshot"/s),
    },
    { query: '?from=1&to=100000&prefix=%2Fconf%2F', after: (text) => expect(text).toContain('"/conf/last"') },
    { query: '?prefix=nothing', after: (text) => expect(text).toBe('') },
  ],
  'POST /v1/destinations/{name}/verify': inBoth({
    before: caughtUp,
    after: (text) => expect(text).toContain('"extra":0'),
  }),
  'POST /v1/destinations/{name}/plan': [
    ...inBoth({ before: caughtUp }),
    ...inBoth({
      before: caughtUp,
      body: { routes: [{ prefix: '/conf/', exclude: ['/conf/2'], leased: 'skip' }] },
      after: (text) => expect(text).toContain('{"kind":"extra","key":"/conf/2"}'),
    }),
  ],
  'GET /v1/destinations/{name}/hold': [
    { after: (text) => expect(text).toBe('{"hold":null}') },
    { before: held, after: (text) => expect(text).toContain('"brake":"deletes"') },
  ],
  'POST /v1/destinations/{name}/approve': [{ body: async () => ({ ...(await holdOf('copy')), ...BY }) }],
  'POST /v1/destinations/{name}/pause': [{ before: caughtUp, body: BY }],
  'POST /v1/destinations/{name}/resume': [{ before: () => becomes('paused'), body: BY }, { body: {} }],
  'POST /v1/destinations/{name}/resync': [{ before: caughtUp, body: BY }],
  'POST /v1/destinations/{name}/repair': inBoth({ before: caughtUp }),
  'POST /v1/step-down': [{ before: () => pipeline.leader(), after: (text) => expect(text).toContain('true') }],
};

const names = Object.keys(CALLS);

async function send(operation: Described, call: Call, text?: string) {
  const { method, path } = operation;
  const body = text ?? (call.body === undefined ? undefined : JSON.stringify(await bodyOf(call)));
  if (body !== undefined && text === undefined) operation.expectRequest(JSON.parse(body));
  const url = `http://${pipeline.anyNode.listen}${path.replace('{name}', call.name ?? 'copy')}${call.query ?? ''}`;
  return await fetch(url, { method, ...(body !== undefined && { body }) });
}

async function bodyOf({ body = {} }: Call): Promise<object> {
  return typeof body === 'function' ? await body() : body;
}

it('the document holds exactly the paths that are called here', () => {
  expect(description.operations.map(({ name }) => name).sort()).toEqual([...names].sort());
});

describe.sequential('as the document says', () => {
  it.each(names)('%s answers', async (name) => {
    const operation = description.operation(name);
    for (const call of CALLS[name] ?? []) {
      await call.before?.();
      const response = await send(operation, call);
      const text = await response.text();
      expect({ name, status: response.status, text }).toMatchObject({ status: 200 });
      operation.expectResponse(response, text);
      call.after?.(text);
    }
  });
});

describe('a request that cannot be fulfilled is answered as the document says:', () => {
  const destinations = names.filter((name) => name.includes('{name}'));
  it.each(destinations)('%s of a destination that is not there', async (name) => {
    const operation = description.operation(name);
    const body = name.endsWith('/approve') ? { id: 'x', ...BY } : BY;
    const response = await send(
      operation,
      { name: 'nowhere' },
      operation.method === 'GET' ? undefined : JSON.stringify(body),
    );
    expect(response.status).toBe(404);
    expect(operation.expectProblem(response, await response.text())).toBe('UNKNOWN_DESTINATION');
  });

  it('each that takes a body, with another one', async () => {
    const taking = description.operations.filter(({ takesBody }) => takesBody);
    expect(taking).toHaveLength(5);
    for (const operation of taking) {
      for (const body of ['no JSON', '[]', '7', '{"by":7,"routes":7}']) {
        const response = await send(operation, {}, body);
        expect({ name: operation.name, body, status: response.status }).toMatchObject({ status: 400 });
        expect(operation.expectProblem(response, await response.text())).toBe('BAD_REQUEST');
      }
    }
  });

  it('an approval of what is not held', async () => {
    const operation = description.operation('POST /v1/destinations/{name}/approve');
    const response = await send(operation, { body: { id: 'something else', ...BY } });
    expect(response.status).toBe(409);
    expect(operation.expectProblem(response, await response.text())).toBe('NOTHING_HELD');
  });

  it('records from what is no revision', async () => {
    const operation = description.operation('GET /v1/journal/records');
    const response = await send(operation, { query: '?from=yesterday' });
    expect(response.status).toBe(400);
    expect(operation.expectProblem(response, await response.text())).toBe('BAD_REQUEST');
  });
});

it('what is not in the document is not there', async () => {
  for (const [method, path] of [
    ['GET', '/v1/nothing'],
    ['GET', '/v1/step-down'],
    ['POST', '/v1/destinations/copy/hold'],
  ] as const) {
    const response = await pipeline.anyNode.fetch(path, method);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'NOT_FOUND' });
  }
});
