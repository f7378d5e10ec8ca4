import { type ApplyRequest, type Checkpoint, FencedError, formatPosition } from '@tidemark/core';
import type { WriteObserver } from './observer.js';
import type { TrackedWriter } from './tracked-writer.js';

/** A transaction that has begun when the work is to end gets this long to come to its end, milliseconds. */
const FINISH_MS = 1_000;

/**
 * One transaction, observed. One that has begun is finished also when `signal` aborts: whoever takes over might otherwise
 * read the checkpoint before the cancelled transaction is committed, and be refused afterwards.
 * @throws FencedError when the destination's checkpoint is another one than expected
 */
export async function commit(
  writer: TrackedWriter,
  request: ApplyRequest,
  observer: WriteObserver,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now();
  const result = await finishing(signal, (finish) => writer.apply(request, finish));
  if (result.outcome === 'superseded') throw superseded(result.found, request.expected);
  const puts = request.writes.reduce((count, write) => count + (write.kind === 'put' ? 1 : 0), 0);
  observer.applied({ puts, deletes: request.writes.length - puts, seconds: (performance.now() - started) / 1000 });
}

/** Does nothing once `signal` has aborted; what has begun is asked to stop `FINISH_MS` later. */
async function finishing<T>(signal: AbortSignal, work: (finish: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const finish = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    timer = setTimeout(() => finish.abort(), FINISH_MS);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await work(finish.signal);
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(timer);
  }
}

/** The error for a destination whose checkpoint is not the one that was expected. */
export function superseded(found: Checkpoint | null, expected: Checkpoint | null): FencedError {
  return new FencedError({
    message: `The destination's checkpoint is ${describe(found)}, expected ${describe(expected)}: another worker moved it, or it was restored.`,
    remedy: 'None needed: the worker reads the checkpoint again and goes on from there.',
  });
}

function describe(checkpoint: Checkpoint | null): string {
  if (checkpoint === null) return 'missing';
  const { position, resync, partial, fence } = checkpoint;
  const detail = resync
    ? ` resyncing to ${resync.target.revision}`
    : partial
      ? ` with ${partial.writes} writes of ${partial.revision}`
      : '';
  const fenced = fence === null ? '' : ` (fence ${fence.offJournal}.${fence.fencedOff})`;
  return `${formatPosition(position)}${detail}${fenced}`;
}
