import { type EtcdServer, localServers, type Servers } from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** etcd v2 keeps this many events for the WHOLE store, whatever prefix a watcher is interested in. */
const HISTORY_EVENTS = 1000;

interface V2Answer {
  readonly errorCode?: number;
  readonly message?: string;
  readonly node?: { readonly modifiedIndex: number };
}

let servers: Servers;
let etcd: EtcdServer;

beforeAll(async () => {
  servers = localServers();
  etcd = await servers.etcd({ flags: ['--enable-v2'] });
});

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

async function put(key: string, value: string): Promise<V2Answer> {
  const response = await fetch(`${etcd.url}/v2/keys${key}`, { method: 'PUT', body: new URLSearchParams({ value }) });
  return (await response.json()) as V2Answer;
}

/**
 * What happened: a mirror that watches one prefix saved the index of the last change it saw there. For 99 minutes
 * nothing changed under that prefix, while locks elsewhere made more than 1,000 events. The saved index was no longer
 * in the server's history, and the mirror could not go on.
 */
it('a prefix watch at an index older than the last 1,000 events of the whole store is answered with error 401', async () => {
  const saved = (await put('/conftool/v1/pools/host', 'pooled')).node?.modifiedIndex ?? 0;
  for (let lock = 0; lock <= HISTORY_EVENTS; lock++) await put(`/spicerack/locks/${lock % 7}`, String(lock));

  const response = await fetch(`${etcd.url}/v2/keys/conftool?wait=true&recursive=true&waitIndex=${saved + 1}`);

  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    errorCode: 401,
    cause: expect.stringContaining('history has been cleared'),
  });
});

it('the same watch works while fewer events than that have passed', async () => {
  const saved = (await put('/conftool/v1/pools/host', 'depooled')).node?.modifiedIndex ?? 0;
  for (let lock = 0; lock < HISTORY_EVENTS / 2; lock++) await put(`/spicerack/locks/${lock % 7}`, String(lock));
  await put('/conftool/v1/pools/host', 'pooled');

  const response = await fetch(`${etcd.url}/v2/keys/conftool?wait=true&recursive=true&waitIndex=${saved + 1}`);

  expect(await response.json()).toMatchObject({ action: 'set', node: { value: 'pooled' } });
});
