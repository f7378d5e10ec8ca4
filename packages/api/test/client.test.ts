import { Hono } from 'hono';
import { stream } from 'hono/streaming';
import { expect, it } from 'vitest';
import { ApiClient, NodeUnreachableError, RequestFailedError, UnexpectedAnswerError } from '../src/index.js';
import { served } from './support.js';

const PAUSED = { paused: { by: 'sre@host', at: '2026-02-28T10:00:00.000Z' } };
const PROBLEM = { code: 'UNKNOWN_DESTINATION', message: 'There is none.', remedy: 'Use another one.' };

const never = () => new Promise<Response>(() => undefined);

/** Of a node whose app this is. */
async function asked<T>(app: Hono, ask: (client: ApiClient, listen: string) => Promise<T>, timeoutMs = 5_000) {
  await using server = await served(app);
  const client = new ApiClient({ listen: server.listen, timeoutMs, token: 'b1a5ed' });
  return await ask(client, server.listen);
}

/** What an operation is rejected with. */
async function rejection(work: Promise<unknown>): Promise<Error> {
  const outcome = await work.catch((error: unknown) => error);
  if (outcome instanceof Error) return outcome;
  throw new Error(`it was not rejected: ${JSON.stringify(outcome)}`);
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

it('sends method, path, body and token, and reads the answer', async () => {
  const app = new Hono().post('/v1/destinations/:name/pause', async (c) => {
    expect(c.req.param('name')).toBe('a/b c');
    expect(c.req.header('authorization')).toBe('Bearer b1a5ed');
    expect(await c.req.json()).toEqual({ by: 'sre@host' });
    return c.json({ ...PAUSED, added: 'by a later version' });
  });
  const body = { by: 'sre@host' };
  expect(await asked(app, (client) => client.call('pause', { params: { name: 'a/b c' }, body }))).toEqual(PAUSED);
});

it('sends the query by which an operation differs from others with its path', async () => {
  const queries: string[] = [];
  const app = new Hono().get('/v1/status', (c) => {
    queries.push(new URL(c.req.url).search);
    return c.json({}, 500);
  });
  await asked(app, async (client) => {
    await rejection(client.call('nodeStatus'));
    await rejection(client.call('status'));
  });
  expect(queries).toEqual(['?scope=node', '']);
});

it('is rejected with what the node says of a refusal', async () => {
  const app = new Hono().get('/v1/destinations/:name/hold', (c) => c.json(PROBLEM, 404));
  const error = await asked(app, (client) => rejection(client.call('hold', { params: { name: 'codfw' } })));
  expect(error).toBeInstanceOf(RequestFailedError);
  expect(error).toMatchObject({ ...PROBLEM, status: 404 });
});

it.each([
  ['is of another form', (app: Hono) => app.get('/v1/snapshots', (c) => c.json([{ id: 's' }]))],
  ['is not JSON', (app: Hono) => app.get('/v1/snapshots', (c) => c.html('<h1>proxy</h1>'))],
  ['is a failure that is no problem', (app: Hono) => app.get('/v1/snapshots', (c) => c.text('bad gateway', 502))],
  ['has another status than an answer has', (app: Hono) => app.get('/v1/snapshots', (c) => c.json([], 201))],
])('an answer that %s is named, with the address', async (_, route) => {
  const [error, listen] = await asked(
    route(new Hono()),
    async (client, at) => [await rejection(client.call('snapshots')), at] as const,
  );
  expect(error).toBeInstanceOf(UnexpectedAnswerError);
  expect(error.message).toContain(`http://${listen}/v1/snapshots`);
});

it('takes 503 for the answer where the operation says so', async () => {
  const hop = { hop: 'source', reachable: false, reason: 'gone', remedy: null, since: 1 };
  const unready = { ready: false, hops: [hop] };
  const readyz = (body: object, status: 200 | 503) => new Hono().get('/readyz', (c) => c.json(body, status));
  expect(await asked(readyz(unready, 503), (client) => client.call('readyz'))).toEqual(unready);
  expect(await asked(readyz({ ready: true, hops: [] }, 503), (c) => rejection(c.call('readyz')))).toBeInstanceOf(
    UnexpectedAnswerError,
  );
  expect(await asked(readyz(PROBLEM, 503), (c) => rejection(c.call('readyz')))).toBeInstanceOf(RequestFailedError);
});

it('says which address it tried when nothing answers', async () => {
  const listen = await asked(new Hono(), async (_, at) => at);
  const error = await rejection(new ApiClient({ listen, timeoutMs: 5_000 }).call('status'));
  expect(error).toBeInstanceOf(NodeUnreachableError);
  expect(error.message).toBe(`No Tidemark node answers at http://${listen}/v1/status.`);
});

it('waits for an answer no longer than it may, nor for its end', async () => {
  const silent = new Hono().get('/v1/status', never);
  const error = await asked(silent, (client) => rejection(client.call('status')), 50);
  expect(error).toBeInstanceOf(NodeUnreachableError);
  const stuck = new Hono().get('/v1/status', (c) =>
    stream(c, async (out) => {
      await out.write('{');
      await never();
    }),
  );
  const cut = await asked(stuck, (client) => rejection(client.call('status')), 200);
  expect(cut).toBeInstanceOf(NodeUnreachableError);
  expect(cut.message).toContain('is incomplete');
});

it('ends when the caller ends', async () => {
  const stop = new AbortController();
  const app = new Hono().get('/v1/status', () => {
    stop.abort();
    return never();
  });
  await using server = await served(app);
  const client = new ApiClient({ listen: server.listen, timeoutMs: 60_000, signal: stop.signal });
  expect(await rejection(client.call('status'))).toBeInstanceOf(NodeUnreachableError);
});

it('hands out lines as they come, whole, however they are cut', async () => {
  const text = Buffer.from('{"key":"ä"}\n{"key":"b"}\n{"last":true}');
  const app = new Hono().get('/v1/journal/records', (c) =>
    stream(c, async (out) => {
      expect(new URL(c.req.url).search).toBe('?from=3&prefix=%2Fa%26b');
      for (const byte of text) await out.write(Uint8Array.of(byte));
    }),
  );
  const query = { from: 3, to: undefined, prefix: '/a&b' };
  const lines = await asked(app, (client) => all(client.lines('records', { query })));
  expect(lines).toEqual(['{"key":"ä"}', '{"key":"b"}', '{"last":true}']);
});

it('never hands out a line that was cut off as if it were the last', async () => {
  const seen: string[] = [];
  const app = new Hono().get('/v1/journal/records', (c) => {
    let pulled = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        pulled++;
        if (pulled === 1) controller.enqueue(Buffer.from('{"whole":1}\n{"ha'));
        else controller.error(new Error('the node died'));
      },
    });
    return c.body(body);
  });
  const error = await asked(app, (client) =>
    rejection(
      (async () => {
        for await (const line of client.lines('records')) seen.push(line);
      })(),
    ),
  );
  expect(error).toBeInstanceOf(NodeUnreachableError);
  expect(seen).not.toContain('{"ha');
});

it('a stream that is refused is rejected with what the node says', async () => {
  const app = new Hono().get('/v1/journal/records', (c) => c.json(PROBLEM, 403));
  expect(await asked(app, (client) => rejection(all(client.lines('records'))))).toBeInstanceOf(RequestFailedError);
});

it('reads text', async () => {
  const app = new Hono().get('/metrics', (c) => c.text('tidemark_leader 1\n'));
  expect(await asked(app, (client) => client.text('metrics'))).toBe('tidemark_leader 1\n');
  expect(await asked(app, (client) => rejection(client.text('healthz')))).toBeInstanceOf(UnexpectedAnswerError);
});
