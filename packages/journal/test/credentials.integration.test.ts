import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AccessDeniedError } from '@tidemark/core';
import { localServers, type NatsServer, never, type Servers, until } from '@tidemark/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { NatsJournal } from '../src/index.js';
import { operatorMode } from './credentials.js';

const mode = operatorMode();

let servers: Servers;
let nats: NatsServer;
let directory: string;
let file: string;
let journal: NatsJournal | null = null;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-credentials-'));
  file = join(directory, 'user.creds');
  servers = localServers();
  nats = await servers.nats({ configuration: mode.configuration });
});

afterEach(async () => {
  await journal?.close();
});

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

function open(): NatsJournal {
  const limits = { replicas: 1, maxAge: 3_600_000, maxBytes: 64 * 1024 * 1024, snapshotEvery: 3_600_000 } as const;
  journal = new NatsJournal({
    name: 'test',
    node: 'a',
    config: { servers: [nats.url], credentialsFile: file, ...limits },
  });
  return journal;
}

it('a user of a server in operator mode is let in', async () => {
  writeFileSync(file, mode.credentials);
  await open().open(never);
  await expect(journal?.info(never)).resolves.toMatchObject({ last: null });
});

it('a user who was revoked is not, until the file is replaced', async () => {
  writeFileSync(file, mode.revoked);
  const opened = open();
  const refusal = await opened.open(never).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(AccessDeniedError);
  expect(refusal).toMatchObject({ remedy: expect.stringContaining('journal.credentialsFile') });
  writeFileSync(file, mode.credentials);
  await opened.open(never);
});

it('credentials that were replaced count from the next connect on, and need no restart', async () => {
  writeFileSync(file, mode.credentials);
  const opened = open();
  await opened.open(never);
  writeFileSync(file, 'no credentials');
  await nats.stop();
  await nats.start();
  const lost = async () => (await opened.info(never).catch(() => null)) === null;
  await until(lost, { describe: 'the journal is lost' });
  writeFileSync(file, mode.credentials);
  await until(async () => (await opened.info(never).catch(() => null)) !== null, {
    timeoutMs: 30_000,
    describe: 'the journal is back',
  });
});

it('a file that cannot be read is named', async () => {
  rmSync(file);
  await expect(open().open(never)).rejects.toMatchObject({
    code: 'ACCESS_DENIED',
    message: `journal.credentialsFile: ${file} cannot be read (ENOENT)`,
  });
});
