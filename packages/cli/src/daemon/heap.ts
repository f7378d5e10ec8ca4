import { setFlagsFromString } from 'node:v8';

/**
 * How much garbage the old generation may gather until it is collected, percent of what is alive. By default V8 lets
 * it grow up to fourfold on a machine with much memory: one revision of 100,000 deletes, of which 60 MiB are alive at
 * once, took a node to 276 MiB; to 244 MiB with 100 percent, to 233 MiB with 40 (one run each, on a busy machine). Less
 * than 100 costs: a first sync took a node 1.1 to 1.3 s of processor time with 40 percent, and 1.0 to 1.1 s with 100.
 *
 * Not --max-semi-space-size: two runs each gave 253 and 235 MiB without it, 251 and 347 with 8 MiB, 231 and 297 with 4.
 * Not --max-old-space-size: V8 aborts the process where it cannot stay below that.
 */
const HEAP_GROWTH_PERCENT = 100;

/** For a process that runs for months. V8 reads the flag after each collection, so it counts from the first one on. */
export function boundHeapGrowth(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
}
