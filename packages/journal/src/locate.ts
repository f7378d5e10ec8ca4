import { comparePositions, type Position, type ReadFrom } from '@tidemark/core';
import { behind } from './chain.js';
import type { CursorStart } from './cursor.js';
import { lastRecord, type MessageSource, type StreamBounds } from './ends.js';

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
  const guesses = near === undefined ? [] : [near, near + 1];
  while (low < high) {
    const guess = guesses.shift() ?? -1;
    const middle = guess >= low && guess < high ? guess : Math.floor((low + high) / 2);
    const message = await stream.message(middle);
    if (message === null) return null;
    const { generation, last } = message.headers;
    if (comparePositions({ generation, revision: last }, after) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}
