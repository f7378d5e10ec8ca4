import type { ApplyLimits, SharedBudget } from '@tidemark/core';

/**
 * Journal bytes that may wait in memory for one destination, besides what the reader itself is ahead. Eight times as much
 * made a backlog no faster, and took 30 MiB more: what waits is moved by V8's collector, and decoded before its time.
 */
const QUEUED_BYTES = 512 * 1024;
/** In any case, however many destinations share the node's memory. */
const LEAST_QUEUED_BYTES = 128 * 1024;
/**
 * What is in a transaction is in memory several times: as it waits, encoded, framed, and on its way through the socket.
 * Fifty destinations that all take the same large values had 50 transactions of 1 MiB in flight at once.
 */
const TRANSACTIONS_PER_SHARE = 2;
const LEAST_TRANSACTION_BYTES = 128 * 1024;

/** Journal bytes that may wait for one of the destinations that share a budget. */
export function queueBytes(budget: SharedBudget): number {
  return Math.max(LEAST_QUEUED_BYTES, Math.min(QUEUED_BYTES, budget.share));
}

/**
 * How much is collected into one transaction: what the destination takes, and less on a node of many destinations. An
 * equal share, not what is free now: a destination that does not answer keeps nothing from the others. It
 * bounds what goes together, not what one source revision may hold.
 */
export function collectLimits(writer: { readonly limits: ApplyLimits }, budget: SharedBudget): ApplyLimits {
  return {
    get maxWrites() {
      return writer.limits.maxWrites;
    },
    get maxBytes() {
      const share = Math.max(LEAST_TRANSACTION_BYTES, Math.floor(budget.share / TRANSACTIONS_PER_SHARE));
      return Math.min(writer.limits.maxBytes, share);
    },
  };
}
