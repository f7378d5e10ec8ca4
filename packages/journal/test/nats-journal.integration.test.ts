import { journalConformance, localServers } from '@tidemark/testing';
import { afterAll } from 'vitest';
import { NatsUnderTest } from './nats-under-test.js';

const servers = localServers();
const nats = servers.nats();
const opened: NatsUnderTest[] = [];

afterAll(async () => {
  await Promise.all(opened.map((journal) => journal.close()));
  await servers[Symbol.asyncDispose]();
});

journalConformance('NatsJournal', async (options) => {
  const journal = new NatsUnderTest((await nats).url, options);
  opened.push(journal);
  return journal;
});
