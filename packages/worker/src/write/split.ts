import { type ApplyLimits, type Write, writeBytes } from '@tidemark/core';

/** Cuts writes, in their order, into runs that each fit the limits; a single write beyond them becomes a run of its own. */
export function splitWrites(writes: readonly Write[], limits: ApplyLimits): readonly (readonly Write[])[] {
  const runs: Write[][] = [];
  let run: Write[] = [];
  let bytes = 0;
  for (const write of writes) {
    const size = writeBytes(write);
    if (run.length > 0 && (run.length === limits.maxWrites || bytes + size > limits.maxBytes)) {
      runs.push(run);
      run = [];
      bytes = 0;
    }
    run.push(write);
    bytes += size;
  }
  if (run.length > 0 || runs.length === 0) runs.push(run);
  return runs;
}
