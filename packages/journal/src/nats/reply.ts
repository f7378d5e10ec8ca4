import type { Msg } from 'nats';

/**
 * The fields in the reply subject of a message of a stream:
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>`; newer servers put
 * domain and account hash after `ACK`, and may add tokens at the end.
 */
function tokenOf(reply: string, place: number): number {
  const tokens = reply.split('.');
  return Number(tokens[tokens.length < 11 ? place : place + 2]);
}

/** The sequence of a message in its stream. */
export function sequenceOf(reply: string): number {
  return tokenOf(reply, 5);
}

/** Messages that the consumer has not been sent yet, as of this message. */
export function pendingAfter({ reply = '' }: Msg): number {
  return tokenOf(reply, 8);
}
