import type { PeerProcess } from './peer-process.js';

/** A line of a peer's log. */
export interface Milestone {
  /** Since the start of its process. */
  readonly seconds: number;
  readonly message: string;
}

/** What a peer that logs JSON lines said within so many seconds after its start. */
export function milestones(peer: PeerProcess, withinSeconds: number): Milestone[] {
  const found: Milestone[] = [];
  for (const line of peer.lines()) {
    if (!line.startsWith('{')) continue;
    const { time, msg } = JSON.parse(line) as { time: string; msg: string };
    const seconds = (Date.parse(time) - peer.spawnedAt) / 1_000;
    if (seconds <= withinSeconds) found.push({ seconds, message: msg });
  }
  return found;
}
