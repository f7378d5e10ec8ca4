import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { ApiClient, type Handlers, NodeUnreachableError, type RecordLine, RequestFailedError } from '@tidemark/api';
import { silentLogger, UnavailableError } from '@tidemark/core';
import { expect, it } from 'vitest';
import { ForbiddenError } from '../src/admin/problem.js';
import { routesOf } from '../src/admin/routes.js';

const TERM: RecordLine = {
  ...{ kind: 'term', generation: 1, term: 2, previous: 3, revision: 3 },
  ...{ time: '2026-02-28T10:00:00.000Z', node: 'conf1' },
};

async function* failingAfter(records: number): AsyncGenerator<RecordLine> {
  for (let n = 0; n < records; n++) yield TERM;
  throw new UnavailableError({ message: 'The journal is gone.', remedy: 'Start NATS.' });
}

const nobody = (): never => {
  throw new TypeError('nothing of this is meant for anybody outside');
};

/** Handlers of which only those of interest do something. */
function handlers(records: Handlers['streams']['records']): Handlers {
  return {
    operations: {
      ...{ readyz: nobody, openapi: nobody, nodeStatus: nobody, status: nobody, journalInfo: nobody, verify: nobody },
      ...{ plan: nobody, hold: nobody, approve: nobody, pause: nobody, resume: nobody, resync: nobody },
      ...{ repair: nobody, snapshots: nobody, createSnapshot: nobody, stepDown: nobody },
    },
    texts: { page: nobody, healthz: () => 'ok\n', metrics: nobody },
    streams: { records },
  };
}

async function asked<T>(
  records: Handlers['streams']['records'],
  ask: (client: ApiClient) => Promise<T>,
  authorize: () => void = () => undefined,
): Promise<T> {
  const app = routesOf({ handlers: handlers(records), authorize, logger: silentLogger });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  try {
    if (!server.listening) await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return await ask(new ApiClient({ listen: `127.0.0.1:${port}`, timeoutMs: 5_000 }));
  } finally {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  }
}

async function linesOf(client: ApiClient): Promise<{ lines: string[]; error: unknown }> {
  const lines: string[] = [];
  try {
    for await (const line of client.lines('records')) lines.push(line);
    return { lines, error: null };
  } catch (error) {
    return { lines, error };
  }
}

it('a stream hands out what there is', async () => {
  const seen = await asked(async function* () {
    yield TERM;
    yield TERM;
  }, linesOf);
  expect(seen).toEqual({ lines: [JSON.stringify(TERM), JSON.stringify(TERM)], error: null });
});

it('a stream that fails before its first line is a problem, not an answer without lines', async () => {
  const { lines, error } = await asked(() => failingAfter(0), linesOf);
  expect(lines).toEqual([]);
  expect(error).toBeInstanceOf(RequestFailedError);
  expect(error).toMatchObject({ code: 'UNAVAILABLE', remedy: 'Start NATS.', status: 503 });
});

it('a stream that fails later breaks off, so that nobody takes it for all', async () => {
  const { error } = await asked(() => failingAfter(1), linesOf);
  expect(error).toBeInstanceOf(NodeUnreachableError);
});

it('a stream whose reader leaves is ended', async () => {
  let ended = false;
  await asked(
    async function* ({ signal }) {
      yield TERM;
      if (!signal.aborted) await once(signal, 'abort');
      ended = true;
    },
    async (client) => {
      for await (const line of client.lines('records')) {
        expect(line).toBe(JSON.stringify(TERM));
        break;
      }
      await expect.poll(() => ended).toBe(true);
    },
  );
});

it('asks for the token before it looks at what was sent', async () => {
  const refuse = () => {
    throw new ForbiddenError({ message: 'No.', remedy: 'Send the token.' });
  };
  const failed = await asked(nobody, async (client) => (await linesOf(client)).error, refuse);
  expect(failed).toMatchObject({ code: 'FORBIDDEN', status: 403 });
  expect(await asked(nobody, (client) => client.text('healthz'), refuse)).toBe('ok\n');
});

it('keeps to itself what an unexpected error says', async () => {
  const failed = await asked(nobody, async (client) => await client.call('status').catch((error: unknown) => error));
  expect(failed).toMatchObject({ code: 'INTERNAL', message: 'The request failed.', status: 500 });
});
