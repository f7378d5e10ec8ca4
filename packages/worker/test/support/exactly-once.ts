import type { Entry, Write } from '@tidemark/core';
import type { CommittedTransaction, MemorySource } from '@tidemark/testing';
import { expect } from 'vitest';
import { owned, replica } from './worker-node.js';

/**
 * Replays what took effect at a destination, one generation, and knows nothing of faults:
 * a resync writes only what differs, and ends in a state of the source; after it, each transaction holds exactly the
 * last writes of the revisions it moves over, and shows the source as it was after one of them.
 */
export function expectExactlyOnce(
  log: readonly CommittedTransaction[],
  source: MemorySource,
  before: ReadonlyMap<string, string> = new Map(),
): void {
  const content = new Map(before);
  for (const { writes, expected, next } of log) {
    const bootstrapping = next.resync !== null || (expected?.resync ?? null) !== null;
    if (bootstrapping) expect(writes.filter((write) => changesNothing(write, content))).toEqual([]);
    else expect(sorted(writes)).toEqual(sorted(due(source, { expected, next })));
    for (const write of writes) change(content, write);
    if (next.resync === null && next.partial === null) {
      expect(owned(content)).toEqual(replica(source.content(next.position.revision)));
    }
  }
}

function changesNothing(write: Write, content: ReadonlyMap<string, string>): boolean {
  const key = write.key.toString('latin1');
  return write.kind === 'put' ? content.get(key) === write.value.toString('latin1') : !content.has(key);
}

function change(content: Map<string, string>, write: Write): void {
  const key = write.key.toString('latin1');
  if (write.kind === 'put') content.set(key, write.value.toString('latin1'));
  else content.delete(key);
}

/** The writes that bring a destination from one checkpoint to the next. */
function due(source: MemorySource, { expected, next }: Pick<CommittedTransaction, 'expected' | 'next'>): Write[] {
  const from = (expected?.position.revision ?? 0) + 1;
  const writes = lastWrites(source.history(from, next.partial?.revision ?? next.position.revision));
  return writes.slice(expected?.partial?.writes ?? 0, next.partial?.writes);
}

function lastWrites(entries: readonly Entry[]): Write[] {
  const writes = new Map<string, Write>();
  for (const { changes } of entries) {
    for (const each of changes) {
      const name = each.key.toString('latin1');
      if (!name.startsWith('/a/')) continue;
      const key = Buffer.from(name.replace('/a/', '/b/'), 'latin1');
      writes.set(name, each.kind === 'put' ? { kind: 'put', key, value: each.value } : { kind: 'delete', key });
    }
  }
  return [...writes.values()];
}

function sorted(writes: readonly Write[]): string[] {
  const outline = (write: Write) =>
    `${write.key.toString('latin1')} ${write.kind === 'put' ? write.value.toString('latin1') : '(deleted)'}`;
  return writes.map(outline).sort();
}
