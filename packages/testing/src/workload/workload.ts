import type { EtcdGateway, GatewayOperation } from '../network/gateway.js';
import type { Random } from './random.js';

const MIB = 1024 * 1024;

export interface WorkloadOptions {
  readonly operations: number;
  readonly random: Random;
  /** Key prefixes to write under. */
  readonly prefixes: readonly [string, ...(readonly string[])];
  /** Distinct keys per prefix: few enough that keys are overwritten and deleted often. */
  readonly keysPerPrefix: number;
  /** Requests under way at once; 16 unless given. */
  readonly concurrency?: number;
  /** Largest value, in bytes; 1 MiB unless given. One value in 400 is that large or nearly. */
  readonly maxValueBytes?: number;
  /** Leases to attach to some puts. */
  readonly leases?: readonly string[];
  /** Asked before each operation; false ends the workload early. */
  readonly goOn?: () => boolean;
}

/** For destinations of a random workload, which deletes a good part of its few keys within a minute. */
export const NO_BRAKES = { maxDeletes: 'off', maxDeletePercent: 'off' } as const;

/**
 * Random puts, deletes and transactions over several keys, with binary keys and empty, small and very large values.
 * Returns the last revision it made.
 */
export async function runWorkload(gateway: EtcdGateway, options: WorkloadOptions): Promise<number> {
  const { operations, concurrency = 16, goOn = () => true } = options;
  let left = operations;
  let last = 0;
  const writer = async () => {
    while (left > 0 && goOn()) {
      left--;
      last = Math.max(last, await gateway.transaction(randomTransaction(options)));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, writer));
  return last;
}

function randomTransaction(options: WorkloadOptions): GatewayOperation[] {
  const { random } = options;
  const size = random.chance(0.15) ? 2 + random.below(19) : 1;
  const keys = new Map<string, Buffer>();
  for (let i = 0; i < size; i++) {
    const key = randomKey(options);
    keys.set(key.toString('latin1'), key);
  }
  return [...keys.values()].map((key) => randomOperation(options, key, size));
}

function randomOperation(options: WorkloadOptions, key: Buffer, size: number): GatewayOperation {
  const { random, leases = [] } = options;
  if (random.chance(0.25)) return { kind: 'delete', key };
  const value = randomValue(options, size);
  const [first, ...others] = leases;
  return first !== undefined && random.chance(0.1)
    ? { kind: 'put', key, value, lease: random.pick([first, ...others]) }
    : { kind: 'put', key, value };
}

function randomKey({ random, prefixes, keysPerPrefix }: WorkloadOptions): Buffer {
  const prefix = Buffer.from(random.pick(prefixes));
  const number = random.below(keysPerPrefix);
  // Every fifth key is bytes that are no text, among them 0x00 and 0xff.
  const rest =
    number % 5 === 0 ? Buffer.from([0xff, number & 0xff, 0, (number >> 8) & 0xff, 0x80]) : Buffer.from(`key-${number}`);
  return Buffer.concat([prefix, rest]);
}

function randomValue({ random, maxValueBytes = MIB }: WorkloadOptions, size: number): Buffer {
  if (random.chance(0.05)) return Buffer.alloc(0);
  const large = size === 1 && random.chance(1 / 400);
  const length = large ? maxValueBytes - random.below(1024) : 1 + random.below(Math.min(400, maxValueBytes));
  return Buffer.alloc(length, random.below(256));
}
