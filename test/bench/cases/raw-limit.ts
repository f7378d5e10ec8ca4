import type { Write } from '@tidemark/core';
import { conftoolKeyspace, localServers } from '@tidemark/testing';
import { checkpointAt, openDirect, packed } from '../measure/direct.js';
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

/**
 * The destination alone, with the very transactions that Tidemark sends in an initial sync, made in this process from keys
 * that are already in memory: no source, no journal, no difference.
 */
export async function rawLimit({ sizes }: Bench): Promise<RawLimit> {
  await using servers = localServers();
  const server = await servers.etcd();
  const destination = openDirect(server.url);
  const { signal } = new AbortController();
  const writes = [...conftoolKeyspace({ seed: 1, keys: sizes.baseKeys })]
    .sort((left, right) => (left.key < right.key ? -1 : 1))
    .map(({ key, value }): Write => ({ kind: 'put', key: Buffer.from(key), value: Buffer.from(value) }));
  const checkpoint = checkpointAt(1);
  const batches = packed(writes, destination.limits);
  await destination.apply({ writes: [], expected: null, next: checkpoint }, signal);

  const meter = new CpuMeter({ destination: childWith(server.url) });
  const begun = performance.now();
  const queue = batches.values();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (const batch of queue) {
        await destination.apply({ writes: batch, expected: checkpoint, next: checkpoint }, signal);
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
