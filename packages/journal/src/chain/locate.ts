import { comparePositions, type Position, type ReadFrom } from '@tidemark/core';
import type { JournalMessage } from '../format/assembler.js';
import { pointAfter } from './chain.js';
import type { CursorStart } from './cursor.js';
import { lastRecord, type MessageSource, type StreamBounds } from './ends.js';

/** A longer gap between messages means that retention removed them. */
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

/** The position is at the end or ahead of it: every record from here on is new, and has to follow the last record. */
async function end(stream: MessageSource, state: StreamBounds, after: Position): Promise<CursorStart> {
  const last = await lastRecord(stream, state);
  if (last === null) return { next: state.firstSequence, before: null, after, reachesBack: false };
  return { next: last.sequence + 1, before: pointAfter(last.record), after: null, reachesBack: true };
}

/**
 * Binary search for the first message whose record ends after `after`; one sequence past the last message when there is
 * none.
 *
 * The parts of an unfinished record announce a position that was never reached, so the messages are not fully in order.
 * All of these parts are before the first record that really ends after `after`. The result may therefore be too early,
 * which costs a few messages that are read and skipped, and is never too late.
 *
 * Each step fetches a whole message, as base64 in JSON. With a good `near` two steps are enough; fifty readers that
 * searched without it at once took tens of MiB for ten steps each.
 */
async function search(
  stream: MessageSource,
  state: StreamBounds,
  { after, near }: { after: Position; near: number | undefined },
): Promise<number | null> {
  let low = state.firstSequence;
  let high = state.lastSequence + 1;
  /** The first message that exists at `high` or after it. */
  let found = high;
  const guesses = near === undefined ? [] : [near, near + 1];
  while (low < high) {
    const guess = guesses.shift() ?? -1;
    const middle = guess >= low && guess < high ? guess : Math.floor((low + high) / 2);
    const message = await nextMessage(stream, middle, Math.min(high, middle + GAP_MESSAGES));
    if (message === null && high - middle > GAP_MESSAGES) return null;
    if (message !== null && endsBy(after, message)) low = message.sequence + 1;
    else {
      found = message?.sequence ?? found;
      high = middle;
    }
  }
  return found;
}

/** Whether a message's record ends at the position or before it. */
function endsBy(position: Position, { headers: { generation, last } }: JournalMessage): boolean {
  return comparePositions({ generation, revision: last }, position) <= 0;
}

/** The message at a sequence; where it is missing, the next one before `end`. The reader checks the chain there. */
async function nextMessage(stream: MessageSource, sequence: number, end: number): Promise<JournalMessage | null> {
  for (let next = sequence; next < end; next++) {
    const message = await stream.message(next);
    if (message !== null) return message;
  }
  return null;
}
