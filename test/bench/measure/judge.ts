import { setTimeout as delay } from 'node:timers/promises';
import { audit, CONFTOOL_PREFIX } from '@tidemark/testing';
import { GatewayConnection } from './gateway-connection.js';
import type { PeerProcess } from './peer-process.js';
import type { Stage } from './stage.js';

const POLL_EVERY_MS = 10;
/** Above what `make-mirror` needs for a hundred thousand keys on a slow disk. */
const LIMIT_MS = 15 * 60_000;

/** A peer did not do its work: the one thing that fails a run. */
export class WrongResultError extends Error {}

/** Asks every 10 ms until the condition holds; throws when the peer ends first, or after 15 minutes. */
export async function untilTrue(what: string, peer: PeerProcess, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await condition())) {
    if (peer.ended !== null)
      throw new WrongResultError(`${peer.name} ${peer.ended} before ${what}:\n${peer.lastWords()}`);
    if (performance.now() > deadline) throw new WrongResultError(`${peer.name} did not reach this in time: ${what}`);
    await delay(POLL_EVERY_MS);
  }
}

const READY = `${CONFTOOL_PREFIX}bench/ready`;

/**
 * Waits until a peer has copied what was there, and then passes on one more put (whose key counts as well): from here
 * on it only follows. The put comes last because `make-mirror` would otherwise copy it with the rest.
 */
export async function untilFollowing(stage: Stage, peer: PeerProcess, keys: number): Promise<void> {
  const client = await GatewayConnection.open(stage.destination.address);
  const writer = await GatewayConnection.open(stage.source.address);
  const arrived = async (count: number) => (await client.count(CONFTOOL_PREFIX, 'prefix')) === count;
  await untilTrue('all keys at the destination', peer, () => arrived(keys));
  await writer.put(READY, 'yes');
  await untilTrue('one more put at the destination', peer, () => arrived(keys + 1));
  writer.close();
  client.close();
}

/** Byte by byte, through etcdctl. @throws WrongResultError */
export async function mustBeEqual(stage: Stage, keys: number): Promise<void> {
  const { source, destination } = stage;
  const result = await audit({
    source: { server: source, prefix: CONFTOOL_PREFIX },
    destination: { server: destination, prefix: CONFTOOL_PREFIX },
  });
  const [first] = result.differences;
  if (first !== undefined) {
    throw new WrongResultError(
      `${stage.peerName}: ${result.differences.length} of ${result.keys} keys differ, the first is ${first.key} (${first.kind})`,
    );
  }
  if (result.keys !== keys) throw new WrongResultError(`${result.keys} keys were compared, expected ${keys}`);
}
