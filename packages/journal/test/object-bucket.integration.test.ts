import { randomBytes } from 'node:crypto';
import { JournalCorruptError, JournalFullError, silentLogger, UnavailableError } from '@tidemark/core';
import { localServers } from '@tidemark/testing';
import { connect } from 'nats';
import { afterAll, expect, it } from 'vitest';
import { NatsConnection } from '../src/nats/connection.js';
import { ObjectBucket } from '../src/nats/object-bucket.js';
import { hashed } from '../src/snapshots/bucket.js';

const CHUNK_BYTES = 512 * 1024;
const SILENCE_MS = 300;
const servers = localServers();
const server = servers.nats();

afterAll(() => servers[Symbol.asyncDispose]());

/** Our bucket, and the same one as nats.js's own client sees it. */
async function open() {
  const { url } = await server;
  const pipeline = `t${randomBytes(4).toString('hex')}`;
  const connection = await NatsConnection.open({ config: { servers: [url] }, name: 'test', log: silentLogger });
  const bucket = new ObjectBucket({ connection, pipeline, replicas: 1, silenceMs: SILENCE_MS });
  await bucket.ensure();
  const nats = await connect({ servers: url });
  const name = `TIDEMARK_${pipeline}`;
  const theirs = await nats.jetstream().views.os(name);
  const { streams } = await nats.jetstreamManager();
  const dispose = async () => {
    await Promise.all([connection.close(), nats.close()]);
  };
  return { bucket, theirs, streams, nats, name, stream: `OBJ_${name}`, [Symbol.asyncDispose]: dispose };
}

function sha256(bytes: Uint8Array | null): string | null {
  return bytes && hashed(Buffer.from(bytes)).sha256;
}

it.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 10 * CHUNK_BYTES + 7])(
  'an object of %i bytes is read by nats.js, and one of nats.js by us',
  async (size) => {
    await using opened = await open();
    const { bucket, theirs } = opened;
    const content = hashed(randomBytes(size));
    await bucket.put('1-7-ab/ours?>', content);
    expect(sha256(await theirs.getBlob('1-7-ab/ours?>'))).toBe(content.sha256);
    const info = await theirs.info('1-7-ab/ours?>');
    expect(info).toMatchObject({ size, chunks: Math.ceil(size / CHUNK_BYTES), deleted: false });
    await theirs.putBlob({ name: 'theirs' }, content.payload);
    const found = await bucket.get('theirs');
    expect(found?.payload.length).toBe(size);
    expect(found?.sha256).toBe(content.sha256);
    expect((await bucket.list()).map(({ name }) => name)).toEqual(['1-7-ab/ours?>', 'theirs']);
    expect((await theirs.list()).map(({ name }) => name)).toEqual(['1-7-ab/ours?>', 'theirs']);
  },
);

it('makes a bucket that differs in nothing from one of nats.js', async () => {
  await using opened = await open();
  const { nats, streams, name, stream } = opened;
  const description = `Snapshots of Tidemark journal ${name.slice('TIDEMARK_'.length)}`;
  await nats.jetstream().views.os(`${name}-2`, { description });
  const [ours, theirs] = await Promise.all([streams.info(stream), streams.info(`${stream}-2`)]);
  const text = JSON.stringify(theirs.config).replaceAll(`${name}-2`, name);
  expect(ours.config).toEqual(JSON.parse(text));
});

it('leaves nothing of a removed object, nor sees what others removed', async () => {
  await using opened = await open();
  const { bucket, theirs, streams, stream } = opened;
  await bucket.put('ours', hashed(randomBytes(10)));
  await theirs.putBlob({ name: 'theirs' }, randomBytes(10));
  await theirs.delete('theirs');
  expect(await bucket.get('theirs')).toBeNull();
  expect((await bucket.list()).map(({ name }) => name)).toEqual(['ours']);
  for (const name of ['ours', 'theirs', 'never-was']) await bucket.remove(name);
  expect(await bucket.get('ours')).toBeNull();
  expect(await bucket.list()).toEqual([]);
  expect((await streams.info(stream)).state.messages).toBe(0);
});

it('does not wait for ever for chunks that are gone, and does not believe other ones', async () => {
  await using opened = await open();
  const { bucket, theirs, streams, nats, name, stream } = opened;
  await bucket.put('damaged', hashed(Buffer.from('whole')));
  const { nuid } = (await theirs.info('damaged')) ?? {};
  const chunks = `$O.${name}.C.${nuid}`;
  expect(await streams.purge(stream, { filter: chunks })).toMatchObject({ purged: 1 });
  await expect(bucket.get('damaged')).rejects.toThrow(UnavailableError);
  await nats.jetstream().publish(chunks, Buffer.from('hwole'));
  await expect(bucket.get('damaged')).rejects.toThrow(JournalCorruptError);
});

it('keeps nothing of an object that could not be stored as a whole', async () => {
  await using opened = await open();
  const { bucket, streams, stream } = opened;
  const { config } = await streams.info(stream);
  // Full after two chunks.
  await streams.update(stream, { ...config, max_bytes: 2.5 * CHUNK_BYTES });
  await expect(bucket.put('large', hashed(randomBytes(8 * CHUNK_BYTES)))).rejects.toThrow(JournalFullError);
  await expect.poll(async () => (await streams.info(stream)).state.messages).toBe(0);
  expect(await bucket.get('large')).toBeNull();
});

it('lists while others store, and waits for nothing that was not counted', async () => {
  await using opened = await open();
  const { bucket } = opened;
  const OBJECTS = 150;
  let stored = 0;
  const store = async () => {
    for (; stored < OBJECTS; stored++) await bucket.put(`1-7-ab/${stored}`, hashed(Buffer.from('x')));
  };
  const list = async () => {
    while (stored < OBJECTS) {
      const atLeast = stored;
      expect((await bucket.list()).length).toBeGreaterThanOrEqual(atLeast);
    }
  };
  await Promise.all([store(), list(), list()]);
  expect(await bucket.list()).toHaveLength(OBJECTS);
});
