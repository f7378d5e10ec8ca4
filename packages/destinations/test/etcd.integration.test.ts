import { EtcdClient, EtcdKv } from '@tidemark/etcd';
import { destinationConformance, type EtcdServer, localServers, type Servers } from '@tidemark/testing';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { EtcdDestination } from '../src/index.js';

const CHECKPOINT_KEY = '/__tidemark/test/d/checkpoint';
const ORIGIN_KEY = '/__tidemark/test/d/origin';

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
      const kv = new EtcdKv(new EtcdClient({ endpoints: [etcd.url] }));
      const keys = { checkpointKey: Buffer.from(CHECKPOINT_KEY), originKey: Buffer.from(ORIGIN_KEY) };
      const destination = new EtcdDestination(kv, keys);
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
