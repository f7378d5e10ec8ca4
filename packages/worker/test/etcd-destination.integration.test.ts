import { destinationConformance, type EtcdServer, localServers, type Servers } from '@tidemark/testing';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { EtcdDestination } from '../src/index.js';
import { CHECKPOINT_KEY, openEtcd } from './support/etcd-stage.js';

let servers: Servers;
let etcd: EtcdServer;
const opened: EtcdDestination[] = [];

beforeAll(async () => {
  servers = localServers();
  etcd = await servers.etcd();
});

afterEach(async () => {
  for (const destination of opened.splice(0)) await destination.close();
});

afterAll(() => servers?.[Symbol.asyncDispose]());

destinationConformance('EtcdDestination', async () => {
  await etcd.etcdctl(['del', '', '--from-key']);
  return {
    client: async () => {
      const destination = openEtcd(etcd);
      opened.push(destination);
      return destination;
    },
    garbleCheckpoint: async () => {
      await etcd.etcdctl(['put', CHECKPOINT_KEY, 'not a checkpoint']);
    },
    write: async (key, value) => {
      await etcd.etcdctl(value === null ? ['del', key] : ['put', key, value]);
    },
  };
});
