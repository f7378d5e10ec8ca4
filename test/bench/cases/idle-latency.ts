import { setTimeout as delay } from 'node:timers/promises';
import { CONFTOOL_PREFIX, conftoolKeyspace, type EtcdServer, loadKeys, localServers, Random } from '@tidemark/testing';
import { GatewayConnection } from '../measure/gateway-connection.js';
import { mustBeEqual, untilFollowing } from '../measure/judge.js';
import { Stage } from '../measure/stage.js';
import { Watcher } from '../measure/watcher.js';
import type { Bench } from '../options.js';

/** Milliseconds from the sending of a put to its arrival in a watch. */
interface Latency {
  readonly puts: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface IdleLatency {
  readonly tidemark: Latency;
  readonly makeMirror: Latency;
  /** The put and the watch on one etcd, with nobody between: what the two servers of a peer cost at least twice. */
  readonly etcdAlone: Latency;
}

const PROBE = `${CONFTOOL_PREFIX}bench/probe`;
/** Long enough for fsyncs and acknowledgements of the last put to be over. */
const PAUSE_MS = { least: 40, spread: 40 };

/** One way from a put to a watch. */
interface Path {
  readonly writer: GatewayConnection;
  readonly watcher: Watcher;
  readonly samples: number[];
}

/** Single puts into idle systems, the peers in turn, so that whatever the machine does in between hits all alike. */
export async function idleLatency({ sizes }: Bench): Promise<IdleLatency> {
  await using servers = localServers();
  await using tidemarkStage = await Stage.build('tidemark', null);
  await using makeMirrorStage = await Stage.build('make-mirror', null);
  const alone = await servers.etcd();
  const paths = {
    etcdAlone: await openPath(alone, alone),
    makeMirror: await startedPath(makeMirrorStage, sizes.idleKeys),
    tidemark: await startedPath(tidemarkStage, sizes.idleKeys),
  };
  const random = new Random(3);
  for (let put = 0; put < sizes.idlePuts; put++) {
    for (const path of Object.values(paths)) {
      await delay(PAUSE_MS.least + random.below(PAUSE_MS.spread));
      await probe(path, `probe ${put}`);
    }
  }
  for (const { writer, watcher } of Object.values(paths)) {
    writer.close();
    watcher.close();
  }
  await mustBeEqual(tidemarkStage, sizes.idleKeys + 2);
  await mustBeEqual(makeMirrorStage, sizes.idleKeys + 2);
  return {
    tidemark: summary(paths.tidemark),
    makeMirror: summary(paths.makeMirror),
    etcdAlone: summary(paths.etcdAlone),
  };
}

/** Starts the peer of a stage and waits until it passes on single puts. */
async function startedPath(stage: Stage, keys: number): Promise<Path> {
  await loadKeys(stage.source, conftoolKeyspace({ seed: 3, keys }));
  const peer = (await stage.prepare())();
  await untilFollowing(stage, peer, keys);
  return await openPath(stage.source, stage.destination);
}

async function openPath(from: EtcdServer, to: EtcdServer): Promise<Path> {
  return {
    writer: await GatewayConnection.open(from.address),
    watcher: await Watcher.open(to.url, PROBE),
    samples: [],
  };
}

async function probe({ writer, watcher, samples }: Path, value: string): Promise<void> {
  const arrival = watcher.arrival(value);
  const begun = performance.now();
  const [at] = await Promise.all([arrival, writer.put(PROBE, value)]);
  samples.push(at - begun);
}

function summary({ samples }: Path): Latency {
  const sorted = samples.toSorted((left, right) => left - right);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  return { puts: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) };
}
