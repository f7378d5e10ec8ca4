import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AccessDeniedError, FULL_KEYSPACE, UnavailableError } from '@tidemark/core';
import {
  type EncryptedEtcd,
  encryptedEtcd,
  IPV6_TLS_FILES,
  localServers,
  never,
  type Servers,
  STRANGERS_TLS_FILES,
  TLS_FILES,
  type TlsFiles,
} from '@tidemark/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { EtcdClient, EtcdKv } from '../src/index.js';
import { watch } from '../src/watch/watch.js';

const KEY = Buffer.from('/key');

let servers: Servers;
let etcd: EncryptedEtcd;
let directory: string;
let files: TlsFiles;
let client: EtcdClient;

beforeAll(async () => {
  servers = localServers();
  etcd = await encryptedEtcd(servers);
});

afterAll(() => servers[Symbol.asyncDispose]());

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-certificates-'));
  files = { ca: TLS_FILES.ca, cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  client = new EtcdClient({ endpoints: [etcd.url], tls: files });
});

afterEach(() => {
  client.close();
  rmSync(directory, { recursive: true });
});

function use({ cert, key }: Pick<TlsFiles, 'cert' | 'key'>): void {
  copyFileSync(cert, files.cert);
  copyFileSync(key, files.key);
}

function read(): Promise<unknown> {
  return new EtcdKv(client).get(KEY, never);
}

/** Resolves with the first responses of a watch. */
async function watched(): Promise<unknown> {
  const stop = new AbortController();
  for await (const responses of watch(client, { range: FULL_KEYSPACE, startRevision: 1 }, stop.signal)) {
    stop.abort();
    return responses;
  }
  return null;
}

it('a watch that was refused reads the files again as a call does', async () => {
  use(STRANGERS_TLS_FILES);
  await expect(watched()).rejects.toThrow(/certificate|unknown ca/);
  use(TLS_FILES);
  // The one that is refused once more is the one that notices.
  await expect(watched()).rejects.toThrow(/certificate|unknown ca/);
  expect(await watched()).toMatchObject([{ created: true }]);
});

it('half of a replacement is reported as such, and what worked before goes on', async () => {
  use(TLS_FILES);
  await read();
  copyFileSync(STRANGERS_TLS_FILES.cert, files.cert);
  await read();
  const other = new EtcdClient({ endpoints: [etcd.url], tls: files });
  const refusal = await new EtcdKv(other).get(KEY, never).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(AccessDeniedError);
  expect(refusal).toMatchObject({ message: expect.stringContaining(`tls.cert: ${files.cert} and tls.key`) });
  use(TLS_FILES);
  await new EtcdKv(other).get(KEY, never);
  other.close();
});

it.each(['', 'no certificate'])('a file that holds "%s" is reported', async (content) => {
  use(TLS_FILES);
  writeFileSync(files.cert, content);
  await expect(read()).rejects.toBeInstanceOf(AccessDeniedError);
});

it('a refused client keeps its old files while there are no new ones that can be used', async () => {
  use(STRANGERS_TLS_FILES);
  await expect(read()).rejects.toThrow(UnavailableError);
  rmSync(files.key);
  await expect(read()).rejects.toThrow(/certificate|unknown ca/);
  use(TLS_FILES);
  await expect(read()).rejects.toThrow(/certificate|unknown ca/);
  await read();
});

it('a client that is closed opens nothing any more', async () => {
  use(TLS_FILES);
  client.close();
  await expect(read()).rejects.toThrow(UnavailableError);
});

it('a member with an IPv6 address is known by its certificate, and one with that of another address is not', async () => {
  const known = await encryptedEtcd(servers, { host: '[::1]', files: IPV6_TLS_FILES });
  const other = await encryptedEtcd(servers, { host: '[::1]' });
  const ofKnown = new EtcdClient({ endpoints: [known.url], tls: IPV6_TLS_FILES });
  const ofOther = new EtcdClient({ endpoints: [other.url], tls: TLS_FILES });
  await new EtcdKv(ofKnown).get(KEY, never);
  await expect(new EtcdKv(ofOther).get(KEY, never)).rejects.toThrow(/certificate/);
  ofKnown.close();
  ofOther.close();
});
