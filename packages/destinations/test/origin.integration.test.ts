import { FencedError, type Origin } from '@tidemark/core';
import { EtcdClient, EtcdKv } from '@tidemark/etcd';
import { type EtcdServer, localServers, type Servers } from '@tidemark/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { EtcdDestination } from '../src/index.js';
import { at, move, unhurried } from './support/redis-client.js';

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
  await keeper.write(origin, await keeper.read(unhurried), unhurried);
  const reading = await keeper.read(unhurried);
  expect(reading).toMatchObject({ origin, checkpoint: null });
  await keeper.write(null, reading, unhurried);
  expect((await keeper.read(unhurried)).origin).toBeNull();
});

it('an origin that comes late does not take back a newer one', async () => {
  const { origin: keeper } = destination;
  const before = await keeper.read(unhurried);
  await keeper.write(later, before, unhurried);
  await expect(keeper.write(origin, before, unhurried)).rejects.toThrow(FencedError);
  await expect(keeper.write(null, before, unhurried)).rejects.toThrow(FencedError);
  expect((await keeper.read(unhurried)).origin).toEqual(later);
  // The same, sent again after silence.
  await keeper.write(later, before, unhurried);
});

it('an origin that comes late does not pass a fence in the checkpoint', async () => {
  const { origin: keeper } = destination;
  await destination.apply(move(null, 1), unhurried);
  const before = await keeper.read(unhurried);
  expect(before.checkpoint).toEqual(at(1));
  const fenced = { ...at(1), fence: { offJournal: 0, fencedOff: 1 } };
  await destination.apply({ writes: [], expected: at(1), next: fenced }, unhurried);
  await expect(keeper.write(origin, before, unhurried)).rejects.toThrow(FencedError);
  expect((await keeper.read(unhurried)).origin).toBeNull();
});
