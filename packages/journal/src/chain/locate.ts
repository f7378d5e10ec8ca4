import { comparePositions, type Position, type ReadFrom } from '@tidemark/core';
import type { JournalMessage } from '../format/assembler.js';
import { behind } from './chain.js';
import type { CursorStart } from './cursor.js';
import { lastRecord, type MessageSource, type StreamBounds } from './ends.js';

/** More messages than these are not missing one after the other: retention has taken them. */
const GAP_MESSAGES = 32;

/** Where reading has to start; null when retention removed messages during the search: look again. */
export async function locate(stream: MessageSource, state: StreamBounds, from: ReadFrom): Promise<CursorStart | null> {
  const empty = state.messages === 0;
  const first = empty ? state.lastSequence + 1 : state.firstSequence;
  if (from === 'oldest') return { next: first, before: null, after: null, reachesBack: false };
  const { after, near } = from;
  if (empty) return { next: first, before: null, after, reachesBack: false };
  const found = await search(stream, state, { after, near });
  if (found === null) return null;
  if (found <= state.lastSequence) return { next: found, before: null, after, reachesBack: found > first };
  return end(stream, state, after);
}

/** The position is at the end or ahead of it: everything from here on is handed out, and chained to the last record. */
async function end(stream: MessageSource, state: StreamBounds, after: Position): Promise<CursorStart> {
  const last = await lastRecord(stream, state);
  if (last === null) return { next: state.firstSequence, before: null, after, reachesBack: false };
  return { next: last.sequence + 1, before: behind(last.record), after: null, reachesBack: true };
}

/**
 * Binary search for a message whose record ends behind `after`, while the message before it does not; one behind the
 * last when there is none.
 *
 * The parts of an unfinished record announce a position that was then never reached, so the order has dents. All of
 * them lie before the first record that really ends behind `after`: the search may come out too early, which costs a
 * few messages that are read and not handed out, and never too late.
 *
 * Each look fetches a whole message, as base64 in JSON. Where the place is known two looks are enough; fifty readers
 * that lost their place at once took tens of MiB for ten looks each.
 */
async function search(
  stream: MessageSource,
  state: StreamBounds,
  { after, near }: { after: Position; near: number | undefined },
): Promise<number | null> {
  let low = state.firstSequence;
  let high = state.lastSequence + 1;
  /** The first message that is there at `high` or behind it. */
  let found = high;
  const guesses = near === undefined ? [] : [near, near + 1];
  while (low < high) {
    const guess = guesses.shift() ?? -1;
    const middle = guess >= low && guess < high ? guess : Math.floor((low + high) / 2);
    const message = await nextMessage(stream, middle, Math.min(high, middle + GAP_MESSAGES));
    if (message === null && high - middle > GAP_MESSAGES) return null;
    if (message !== null && isBehind(after, message)) low = message.sequence + 1;
    else {
      found = message?.sequence ?? found;
      high = middle;
    }
  }
  return found;
}

/** Whether a position is at the end of a message's record or ahead of it. */
function isBehind(position: Position, { headers: { generation, last } }: JournalMessage): boolean {
  return comparePositions({ generation, revision: last }, position) <= 0;
}

/** The message at a sequence; where it is missing, the next one before `end`. Whether the chain is broken there, the reader tells. */
async function nextMessage(stream: MessageSource, sequence: number, end: number): Promise<JournalMessage | null> {
  for (let next = sequence; next < end; next++) {
    const message = await stream.message(next);
    if (message !== null) return message;
  }
  return null;
}
