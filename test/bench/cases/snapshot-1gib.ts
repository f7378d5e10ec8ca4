import { createHash } from 'node:crypto';
import { type KeyAndValue, loadKeys } from '@tidemark/testing';
import { untilTrue } from '../measure/judge.js';
import { milestones } from '../measure/milestones.js';
import { type CpuSeconds, peakRssMiB } from '../measure/proc.js';
import { Stage } from '../measure/stage.js';
import type { Bench } from '../options.js';

export interface Snapshot1Gib {
  readonly keys: number;
  /** Keys and values. */
  readonly mib: number;
  /** From when the snapshot was begun until the journal named it. */
  readonly seconds: number;
  readonly cpuSeconds: CpuSeconds;
  /** Of the Tidemark node, since its start. */
  readonly peakRssMiB: number;
}

const VALUE_BYTES = 1024;
const BEGUN = 'history begins again, taking a snapshot of the source';
const DONE = 'history begins with a new snapshot';
/** etcd's default is 2 GiB, which a GiB of content and its overhead come close to. */
const SOURCE_FLAGS = ['--quota-backend-bytes=8589934592'];

/**
 * A first snapshot of a source that is larger than the node may become: what is held in memory must not depend on the
 * size of the keyspace. No destination takes these keys, so that the snapshot is all there is to do.
 */
export async function snapshot1Gib({ sizes, profileTo }: Bench): Promise<Snapshot1Gib> {
  await using stage = await Stage.build('tidemark', profileTo, SOURCE_FLAGS);
  const keys = sizes.snapshotKeys;
  await loadKeys(stage.source, largeKeyspace(keys));
  const startPeer = await stage.prepare();

  const meter = stage.meter();
  const peer = startPeer();
  meter.add('peer', peer.pid);
  await untilTrue('the snapshot', peer, async () => peer.lines().some((line) => line.includes(DONE)));
  const cpuSeconds = meter.read();
  const at = (wanted: string) =>
    milestones(peer, Number.POSITIVE_INFINITY).find(({ message }) => message === wanted)?.seconds ?? Number.NaN;
  const mib = (keys * (VALUE_BYTES + keyOf(0).length)) / 2 ** 20;
  return { keys, mib, seconds: at(DONE) - at(BEGUN), cpuSeconds, peakRssMiB: peakRssMiB(peer.pid) };
}

function* largeKeyspace(keys: number): Generator<KeyAndValue> {
  const digits = createHash('sha512').update('tidemark').digest('hex');
  const filler = digits.repeat(VALUE_BYTES / digits.length + 1);
  for (let index = 0; index < keys; index++) {
    const start = index % digits.length;
    yield { key: keyOf(index), value: filler.slice(start, start + VALUE_BYTES) };
  }
}

function keyOf(index: number): string {
  return `/large/${String(index).padStart(9, '0')}`;
}
