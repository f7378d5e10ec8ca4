import { CONFTOOL_PREFIX, conftoolKeyspace, loadKeys } from '@tidemark/testing';
import { GatewayConnection } from '../measure/gateway-connection.js';
import { mustBeEqual, untilTrue } from '../measure/judge.js';
import { type Milestone, milestones } from '../measure/milestones.js';
import { type CpuSeconds, peakRssMiB } from '../measure/proc.js';
import { type PeerName, Stage } from '../measure/stage.js';
import type { Bench } from '../options.js';

export interface BaseSync {
  readonly keys: number;
  /** From the start of the peer's process until the destination has every key. */
  readonly seconds: number;
  readonly keysPerSecond: number;
  readonly cpuSeconds: CpuSeconds;
  readonly peakRssMiB: number;
  /** What the peer logged meanwhile, and when. make-mirror logs nothing. */
  readonly milestones: readonly Milestone[];
}

/** An empty destination, a full source, and a peer that starts. */
export async function baseSync(peerName: PeerName, { sizes, profileTo }: Bench): Promise<BaseSync> {
  await using stage = await Stage.build(peerName, profileTo);
  const keys = sizes.baseKeys;
  const pairs = [...conftoolKeyspace({ seed: 1, keys })];
  await loadKeys(stage.source, pairs);
  const last =
    pairs
      .map(({ key }) => key)
      .sort()
      .at(-1) ?? '';
  const client = await GatewayConnection.open(stage.destination.address);
  const startPeer = await stage.prepare();

  const meter = stage.meter();
  const begun = performance.now();
  const peer = startPeer();
  meter.add('peer', peer.pid);
  // Both peers write in key order. A count of everything would cost the destination a walk over its index each time, so
  // it is asked only once the last key is there.
  await untilTrue('the last key at the destination', peer, async () => (await client.count(last, 'key')) === 1);
  await untilTrue(
    'all keys at the destination',
    peer,
    async () => (await client.count(CONFTOOL_PREFIX, 'prefix')) === keys,
  );
  const seconds = (performance.now() - begun) / 1_000;
  const cpuSeconds = meter.read();
  client.close();

  await mustBeEqual(stage, keys);
  return {
    keys,
    seconds,
    keysPerSecond: keys / seconds,
    cpuSeconds,
    peakRssMiB: peakRssMiB(peer.pid),
    milestones: milestones(peer, seconds),
  };
}
