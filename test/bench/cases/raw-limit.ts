import type { Checkpoint, Write } from '@tidemark/core';
import { EtcdClient, EtcdKv } from '@tidemark/etcd';
import { conftoolKeyspace, localServers } from '@tidemark/testing';
import { EtcdDestination } from '@tidemark/worker';
import { CpuMeter, type CpuSeconds, childWith } from '../measure/proc.js';
import type { Bench } from '../options.js';

export interface RawLimit {
  readonly keys: number;
  readonly transactions: number;
  readonly seconds: number;
  readonly keysPerSecond: number;
  readonly cpuSeconds: CpuSeconds;
}

/** As many as Tidemark has under way when it brings a destination to a snapshot. */
const IN_FLIGHT = 2;
/** What a write costs in a request besides its key and value, as Tidemark counts it. */
const WRITE_OVERHEAD_BYTES = 24;
const CHECKPOINT: Checkpoint = {
  journal: 'bench',
  position: { generation: 1, revision: 1 },
  filter: 'f',
  resync: null,
  partial: null,
};

/**
 * The destination alone, with the very transactions that Tidemark sends in a base sync, made in this process from keys
 * that are already in memory: no source, no journal, no difference.
 */
export async function rawLimit({ sizes }: Bench): Promise<RawLimit> {
  await using servers = localServers();
  const server = await servers.etcd();
  const kv = new EtcdKv(new EtcdClient({ endpoints: [server.url] }));
  const destination = new EtcdDestination(kv, { checkpointKey: Buffer.from('/__tidemark/bench') });
  const { signal } = new AbortController();
  const writes = [...conftoolKeyspace({ seed: 1, keys: sizes.baseKeys })]
    .sort((left, right) => (left.key < right.key ? -1 : 1))
    .map(({ key, value }): Write => ({ kind: 'put', key: Buffer.from(key), value: Buffer.from(value) }));
  const batches = packed(writes, destination.limits);
  await destination.apply({ writes: [], expected: null, next: CHECKPOINT }, signal);

  const meter = new CpuMeter({ destination: childWith(server.url) });
  const begun = performance.now();
  const queue = batches.values();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (const batch of queue) {
        await destination.apply({ writes: batch, expected: CHECKPOINT, next: CHECKPOINT }, signal);
      }
    }),
  );
  const seconds = (performance.now() - begun) / 1_000;
  const cpuSeconds = meter.read();
  await destination.close();
  return {
    keys: writes.length,
    transactions: batches.length,
    seconds,
    keysPerSecond: writes.length / seconds,
    cpuSeconds,
  };
}

function packed(writes: readonly Write[], limits: EtcdDestination['limits']): Write[][] {
  const batches: Write[][] = [];
  let batch: Write[] = [];
  let bytes = 0;
  for (const write of writes) {
    const size = WRITE_OVERHEAD_BYTES + write.key.length + (write.kind === 'put' ? write.value.length : 0);
    if (batch.length === limits.maxWrites || bytes + size > limits.maxBytes) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(write);
    bytes += size;
  }
  return batch.length > 0 ? [...batches, batch] : batches;
}
