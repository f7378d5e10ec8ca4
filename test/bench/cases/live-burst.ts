import { CONFTOOL_PREFIX, conftoolKeyspace, type KeyAndValue, loadKeys, poolValue, Random } from '@tidemark/testing';
import { GatewayConnection } from '../measure/gateway-connection.js';
import { mustBeEqual, untilFollowing, untilTrue } from '../measure/judge.js';
import { type CpuSeconds, peakRssMiB } from '../measure/proc.js';
import { type PeerName, Stage } from '../measure/stage.js';
import type { Bench } from '../options.js';

export interface LiveBurst {
  readonly puts: number;
  /** How fast the source took them while the peer was at work. */
  readonly writeSeconds: number;
  /** From the first put until the destination was equal. */
  readonly firstPutToEqualSeconds: number;
  /** From the acknowledgement of the last put until the destination was equal. */
  readonly lastPutToEqualSeconds: number;
  /** Revisions that the destination made of the puts. */
  readonly destinationRevisions: number;
  /** Messages that the puts became in the journal; null for a peer that has none. */
  readonly journalMessages: number | null;
  readonly cpuSeconds: CpuSeconds;
  readonly peakRssMiB: number;
}

const WRITERS = 64;
/** The last put of each writer. Peers keep the order of revisions, so when all are there, so is everything else. */
const LAST_WORDS = `${CONFTOOL_PREFIX}bench/last-words/`;

/** A peer that follows its source, and many clients that change known keys, each put a revision of its own. */
export async function liveBurst(peerName: PeerName, { sizes, profileTo }: Bench): Promise<LiveBurst> {
  await using stage = await Stage.build(peerName, profileTo);
  const pairs = [...conftoolKeyspace({ seed: 2, keys: sizes.burstKeys })];
  await loadKeys(stage.source, pairs);
  const peer = (await stage.prepare())();
  const client = await GatewayConnection.open(stage.destination.address);
  const writers = await Promise.all(
    Array.from({ length: WRITERS }, () => GatewayConnection.open(stage.source.address)),
  );
  await untilFollowing(stage, peer, pairs.length);

  const before = { revision: await client.revision(), messages: await stage.journalMessages() };
  const meter = stage.meter();
  meter.add('peer', peer.pid);
  const begun = performance.now();
  const putsEach = Math.floor(sizes.burstPuts / WRITERS);
  await Promise.all(writers.map((writer, index) => write(writer, index, { pairs, puts: putsEach })));
  const written = performance.now();
  await untilTrue('the last put of every writer at the destination', peer, async () => {
    return (await client.count(LAST_WORDS, 'prefix')) === WRITERS;
  });
  const equal = performance.now();
  const cpuSeconds = meter.read();
  const destinationRevisions = (await client.revision()) - before.revision;
  const messages = await stage.journalMessages();
  for (const connection of [client, ...writers]) connection.close();

  await mustBeEqual(stage, pairs.length + 1 + WRITERS);
  return {
    puts: putsEach * WRITERS,
    writeSeconds: (written - begun) / 1_000,
    firstPutToEqualSeconds: (equal - begun) / 1_000,
    lastPutToEqualSeconds: (equal - written) / 1_000,
    destinationRevisions,
    journalMessages: messages === null || before.messages === null ? null : messages - before.messages,
    cpuSeconds,
    peakRssMiB: peakRssMiB(peer.pid),
  };
}

/** Hosts pooled, depooled and given another weight, in no order, and the last words. */
async function write(
  connection: GatewayConnection,
  index: number,
  { pairs, puts }: { readonly pairs: readonly KeyAndValue[]; readonly puts: number },
): Promise<void> {
  const random = new Random(1_000 + index);
  for (let put = 1; put < puts; put++) {
    await connection.put(pairs[random.below(pairs.length)]?.key ?? '', poolValue(random));
  }
  await connection.put(`${LAST_WORDS}${index}`, 'done');
}
