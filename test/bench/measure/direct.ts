import type { Checkpoint, Write } from '@tidemark/core';
import { EtcdDestination } from '@tidemark/destinations';
import { EtcdClient, EtcdKv } from '@tidemark/etcd';

/** What a write costs in a request besides its key and value, as Tidemark counts it. */
const WRITE_OVERHEAD_BYTES = 24;

/** The destination's client of Tidemark, with nothing of Tidemark around it. */
export function openDirect(url: string): EtcdDestination {
  const kv = new EtcdKv(new EtcdClient({ endpoints: [url] }));
  return new EtcdDestination(kv, {
    checkpointKey: Buffer.from('/__tidemark/bench'),
    originKey: Buffer.from('/__tidemark/origin'),
  });
}

/** A checkpoint of no journal, at a revision. */
export function checkpointAt(revision: number): Checkpoint {
  return {
    journal: 'bench',
    position: { generation: 1, revision },
    filter: 'f',
    resync: null,
    partial: null,
    fence: null,
  };
}

/** Writes in their order, as many in each transaction as the destination's limits allow. */
export function packed(writes: readonly Write[], limits: EtcdDestination['limits']): Write[][] {
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
