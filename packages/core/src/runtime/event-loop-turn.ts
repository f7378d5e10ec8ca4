/**
 * Lets the event loop turn once: what was handed to sockets leaves, what has arrived is read, timers fire. For long work
 * in memory, between two portions of it: awaiting a promise that is settled already does none of that.
 */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
