import {
  type Change,
  type Entry,
  type Put,
  SourceGapError,
  SourceRewoundError,
  UnavailableError,
} from '@tidemark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { RevisionAssembler } from '../src/watch/revisions.js';
import { created, frame, progress, run } from './frames.js';

let assembler: RevisionAssembler;
let entries: Entry[];

function accept(...responses: ReturnType<typeof frame>[]): number[] {
  for (const response of responses) assembler.accept(response, entries);
  return entries.map(({ revision }) => revision);
}

function put(change: Change | undefined): Put {
  if (change?.kind !== 'put') throw new Error('expected a put');
  return change;
}

describe('whole revisions from watch responses', () => {
  beforeEach(() => {
    assembler = new RevisionAssembler(10);
    entries = [];
  });

  it('takes nothing from the answer to the create request, however far ahead its header is', () => {
    expect(accept(created(5_000))).toEqual([]);
    expect(accept(frame([run(10, 'a')], { headerRevision: 5_000 }))).toEqual([10]);
    expect(accept(frame([run(11, 'a')], { headerRevision: 5_000 }))).toEqual([10, 11]);
  });

  it('takes many revisions out of one catch-up response', () => {
    expect(accept(frame([run(10, 'a', 'b'), run(11, 'c'), run(12, 'd')]))).toEqual([10, 11, 12]);
    expect(entries[0]?.changes.map(({ key }) => key.toString())).toEqual(['a', 'b']);
  });

  it('holds the last revision of a fragment back until its end has arrived', () => {
    expect(accept(frame([run(10, 'a'), run(11, 'b')], { fragment: true }))).toEqual([10]);
    expect(accept(frame([run(11, 'c')], { fragment: true }))).toEqual([10]);
    expect(accept(frame([run(11, 'd'), run(12, 'e')]))).toEqual([10, 11, 12]);
    expect(entries[1]?.changes.map(({ key }) => key.toString())).toEqual(['b', 'c', 'd']);
  });

  it('completes a held revision when the next fragment begins with a later one', () => {
    expect(accept(frame([run(10, 'a')], { fragment: true }), frame([run(11, 'b')], { fragment: true }))).toEqual([10]);
    expect(accept(frame([run(12, 'c')]))).toEqual([10, 11, 12]);
  });

  it('never hands out a revision that a broken stream cut in two', () => {
    accept(frame([run(10, 'a')]), frame([run(11, 'b')], { fragment: true }));
    expect(entries.map(({ revision }) => revision)).toEqual([10]);
  });

  it('lets the first revision be later than asked for, because compaction may have taken it', () => {
    expect(accept(frame([run(14, 'a')]))).toEqual([14]);
  });

  it('drops revisions before the one that was asked for', () => {
    expect(accept(frame([run(8, 'x')]), frame([run(10, 'a')]))).toEqual([10]);
  });

  it('reports a gap, and what came before it is kept', () => {
    expect(() => accept(frame([run(10, 'a'), run(11, 'b'), run(13, 'c')]))).toThrow(SourceGapError);
    expect(entries.map(({ revision }) => revision)).toEqual([10, 11]);
  });

  it('drops a repeat that is equal', () => {
    expect(accept(frame([run(10, 'a'), run(11, 'b')]), frame([run(10, 'a'), run(11, 'b'), run(12, 'c')]))).toEqual([
      10, 11, 12,
    ]);
  });

  it('refuses a repeat with another content', () => {
    accept(frame([run(10, 'a'), run(11, 'b')]));
    expect(() => accept(frame([run(11, 'other')]))).toThrow(SourceRewoundError);
  });

  it.each<[string, (changes: Change[]) => Change[]]>([
    ['another value', ([a, ...rest]) => [{ ...put(a), value: Buffer.from('other') }, ...rest]],
    ['another version', ([a, ...rest]) => [{ ...put(a), version: 2 }, ...rest]],
    ['another create revision', ([a, ...rest]) => [{ ...put(a), createRevision: 5 }, ...rest]],
    ['a delete in the place of a put', ([a, ...rest]) => [{ kind: 'delete', key: put(a).key }, ...rest]],
    ['one change more', (changes) => [...changes, ...run(11, 'c').changes]],
    ['one change less', (changes) => changes.slice(1)],
  ])('refuses a repeat with %s', (_, other) => {
    accept(frame([run(10, 'a'), run(11, 'a', 'b')]));
    const repeat = { revision: 11, changes: other(run(11, 'a', 'b').changes) };
    expect(() => accept(frame([repeat]))).toThrow(SourceRewoundError);
  });

  it('asks for a new stream when a repeat is too old to be compared', () => {
    accept(frame(Array.from({ length: 3_000 }, (_, index) => run(10 + index, 'a'))));
    expect(() => accept(frame([run(10, 'a')]))).toThrow(UnavailableError);
  });

  it('does not take progress for position: its answer may overtake events', () => {
    expect(accept(frame([run(10, 'a')]), progress(12), frame([run(11, 'b'), run(12, 'c')]))).toEqual([10, 11, 12]);
    expect(accept(progress(12), progress(12))).toEqual([10, 11, 12]);
  });

  it('asks for a new stream when events that progress promised are still missing at the next probe', () => {
    accept(frame([run(10, 'a')]), progress(12));
    expect(() => accept(progress(12))).toThrow(UnavailableError);
  });

  it('takes the last revision from the next watcher for a repeat, and what the one before left unfinished, whole', () => {
    accept(frame([run(10, 'a'), run(11, 'b')], { fragment: true }));
    assembler.nextWatcher();
    expect(accept(created(5_000), frame([run(10, 'a'), run(11, 'b', 'c')]))).toEqual([10, 11]);
    expect(entries[1]?.changes.map(({ key }) => key.toString())).toEqual(['b', 'c']);
  });

  it('takes a repeat whose deletes were compacted for equal, and one that lacks a put for another content', () => {
    const mixed = run(10, 'a', 'b');
    mixed.changes.splice(1, 0, { kind: 'delete', key: Buffer.from('gone') });
    accept(frame([mixed]));
    assembler.nextWatcher();
    expect(accept(frame([run(10, 'a', 'b'), run(11, 'c')]))).toEqual([10, 11]);
    expect(() => accept(frame([run(10, 'a')]))).toThrow(SourceRewoundError);
  });

  it('compares the last revision with its repeat, however large it is', () => {
    const large = (key: string) => {
      const { revision, changes } = run(10, key);
      return { revision, changes: changes.map((change) => ({ ...change, value: Buffer.alloc(8 * 1024 * 1024) })) };
    };
    accept(frame([large('a')]));
    assembler.nextWatcher();
    expect(accept(frame([large('a'), run(11, 'b')]))).toEqual([10, 11]);
  });

  it('reports a gap when a watcher ends before the revision that it was to reach', () => {
    expect(() => assembler.assertReached(12)).toThrow(SourceGapError);
    accept(frame([run(10, 'a'), run(11, 'b')]));
    expect(() => assembler.assertReached(11)).not.toThrow();
    expect(() => assembler.assertReached(12)).toThrow(SourceGapError);
  });

  it('does not hold one watcher to the progress that another promised', () => {
    accept(frame([run(10, 'a')]), progress(12));
    assembler.nextWatcher();
    expect(accept(progress(12), frame([run(11, 'b')]))).toEqual([10, 11]);
  });
});
