/**
 * Lets the event loop turn once: sockets are written and read, timers fire. Call it between two portions of long work in
 * memory; awaiting a promise that is already resolved only runs other promises.
 */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
