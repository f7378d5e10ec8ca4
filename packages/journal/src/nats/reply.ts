import type { Msg } from 'nats';

/**
 * What a message of a stream says by its reply subject:
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>`; newer servers put
 * domain and account hash behind `ACK`, and may add tokens at the end.
 */
function tokenOf(reply: string, place: number): number {
  const tokens = reply.split('.');
  return Number(tokens[tokens.length < 11 ? place : place + 2]);
}

/** The sequence of a message in its stream. */
export function sequenceOf(reply: string): number {
  return tokenOf(reply, 5);
}

/** Messages that its consumer has still to be sent, as far as the server knew when it sent this one. */
export function leftBehind({ reply = '' }: Msg): number {
  return tokenOf(reply, 8);
}
