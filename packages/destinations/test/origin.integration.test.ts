import { FencedError, type Origin } from '@tidemark/core';
import { EtcdClient, EtcdKv } from '@tidemark/etcd';
import { checkpointAt, type EtcdServer, localServers, never, type Servers } from '@tidemark/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { EtcdDestination } from '../src/index.js';
import { move } from './support/redis-client.js';

const KEYS = { checkpointKey: Buffer.from('/own/checkpoint'), originKey: Buffer.from('/own/origin') };
const origin: Origin = { pipeline: 'p', destination: 'd', source: '1', routes: [], campaign: null, mark: 'first' };
const later: Origin = { ...origin, mark: 'later' };

let servers: Servers;
let etcd: EtcdServer;
let destination: EtcdDestination;

beforeAll(async () => {
  servers = localServers();
  etcd = await servers.etcd();
});

beforeEach(async () => {
  await etcd.etcdctl(['del', '', '--from-key']);
  destination = new EtcdDestination(new EtcdKv(new EtcdClient({ endpoints: [etcd.url] })), KEYS);
});

afterEach(() => destination.close());

afterAll(() => servers?.[Symbol.asyncDispose]());

it('an origin is written where both keys are as they were read, and removed again', async () => {
  const { origin: keeper } = destination;
  await keeper.write(origin, await keeper.read(never), never);
  const reading = await keeper.read(never);
  expect(reading).toMatchObject({ origin, checkpoint: null });
  await keeper.write(null, reading, never);
  expect((await keeper.read(never)).origin).toBeNull();
});

it('an origin that comes late does not take back a newer one', async () => {
  const { origin: keeper } = destination;
  const before = await keeper.read(never);
  await keeper.write(later, before, never);
  await expect(keeper.write(origin, before, never)).rejects.toThrow(FencedError);
  await expect(keeper.write(null, before, never)).rejects.toThrow(FencedError);
  expect((await keeper.read(never)).origin).toEqual(later);
  // The same, sent again after silence.
  await keeper.write(later, before, never);
});

it('an origin that comes late does not pass a fence in the checkpoint', async () => {
  const { origin: keeper } = destination;
  await destination.apply(move(null, 1), never);
  const before = await keeper.read(never);
  expect(before.checkpoint).toEqual(checkpointAt(1));
  const fenced = { ...checkpointAt(1), fence: { offJournal: 0, fencedOff: 1 } };
  await destination.apply({ writes: [], expected: checkpointAt(1), next: fenced }, never);
  await expect(keeper.write(origin, before, never)).rejects.toThrow(FencedError);
  expect((await keeper.read(never)).origin).toBeNull();
});
