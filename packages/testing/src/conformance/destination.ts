import {
  type ApplyRequest,
  type Checkpoint,
  type Destination,
  type KeyRange,
  prefixRange,
  TidemarkError,
  type Write,
} from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { checkpointAt } from '../fakes/checkpoint-at.js';
import { never } from '../waiting/never.js';

/** One destination's storage, as several workers see it. */
export interface DestinationUnderTest {
  /** Another client of the same storage, without data and checkpoint at first. */
  client(): Promise<Destination>;
  /** Puts something that is not a checkpoint where the checkpoint belongs. */
  garbleCheckpoint(): Promise<void>;
  /** Somebody else puts (or deletes, when the value is null) a key, beside the checkpoint. */
  write(key: string, value: string | null): Promise<void>;
}

/** Makes an empty destination; the provider removes it when its tests are over. */
export type OpenDestination = () => Promise<DestinationUnderTest>;

/** What every implementation of the Destination contract has to do. */
export function destinationConformance(name: string, open: OpenDestination): void {
  describe(`${name} as a destination`, () => {
    describe('comparing the checkpoint', () => comparing(open));
    describe('writing', () => writing(open));
    describe('reading', () => reading(open));
    describe('foreign writes', () => foreign(open));
  });
}
const EVERYTHING_BELOW_K = prefixRange(Buffer.from('k'));

function put(key: string, value: string): Write {
  return { kind: 'put', key: Buffer.from(key, 'latin1'), value: Buffer.from(value, 'latin1') };
}

function remove(key: string): Write {
  return { kind: 'delete', key: Buffer.from(key, 'latin1') };
}

/** Moves the checkpoint from one revision (null: none) to the next one given. */
function move(from: number | null, to: number, writes: readonly Write[] = []): ApplyRequest {
  return { writes, expected: from === null ? null : checkpointAt(from), next: checkpointAt(to) };
}

async function contentOf(destination: Destination, range: KeyRange = EVERYTHING_BELOW_K): Promise<[string, string][]> {
  const view = await destination.view(never);
  const content: [string, string][] = [];
  for await (const page of view.range(range, never)) {
    for (const { key, value } of page) content.push([key.toString('latin1'), value.toString('latin1')]);
  }
  return content;
}

function comparing(open: OpenDestination): void {
  it('writes the first checkpoint only where there is none', async () => {
    const destination = await (await open()).client();
    expect(await destination.checkpoint(never)).toBeNull();
    const early = await destination.apply(move(1, 2, [put('k', 'early')]), never);
    expect(early).toEqual({ outcome: 'superseded', found: null });
    expect(await destination.apply(move(null, 1), never)).toEqual({ outcome: 'applied' });
    expect(await destination.checkpoint(never)).toEqual(checkpointAt(1));
    const again = await destination.apply(move(null, 7, [put('k', 'late')]), never);
    expect(again).toEqual({ outcome: 'superseded', found: checkpointAt(1) });
    expect(await contentOf(destination)).toEqual([]);
  });

  it('lets one of two racers win and reports to the other what it found', async () => {
    const shared = await open();
    const [one, two] = [await shared.client(), await shared.client()];
    await one.apply(move(null, 1), never);
    const results = await Promise.all([
      one.apply(move(1, 2, [put('k', 'one')]), never),
      two.apply(move(1, 3, [put('k', 'two')]), never),
    ]);
    const won = results.findIndex(({ outcome }) => outcome === 'applied');
    expect(results[1 - won]).toEqual({ outcome: 'superseded', found: checkpointAt(2 + won) });
    expect(await contentOf(two)).toEqual([['k', won === 0 ? 'one' : 'two']]);
  });

  it('answers a repeat with "already" and writes nothing again', async () => {
    const destination = await (await open()).client();
    await destination.apply(move(null, 1), never);
    const request = move(1, 2, [put('k', 'a')]);
    expect(await destination.apply(request, never)).toEqual({ outcome: 'applied' });
    // Were the repeat to write, its value would stand there: a twin that ends at the same checkpoint.
    const repeat = move(1, 2, [put('k', 'b')]);
    expect(await destination.apply(repeat, never)).toEqual({ outcome: 'already' });
    expect(await contentOf(destination)).toEqual([['k', 'a']]);
  });

  it('writes nothing when superseded', async () => {
    const destination = await (await open()).client();
    await destination.apply(move(null, 5, [put('k1', 'a'), put('k2', 'b')]), never);
    const stale = move(4, 6, [put('k1', 'stale'), remove('k2'), put('k3', 'stale')]);
    expect(await destination.apply(stale, never)).toEqual({ outcome: 'superseded', found: checkpointAt(5) });
    expect(await contentOf(destination)).toEqual([
      ['k1', 'a'],
      ['k2', 'b'],
    ]);
    expect(await destination.checkpoint(never)).toEqual(checkpointAt(5));
  });

  it('distinguishes checkpoints by journal, generation, resync, part and fence, not by revision alone', async () => {
    const destination = await (await open()).client();
    const target = { generation: 1, revision: 5 };
    const partial: Checkpoint = { ...checkpointAt(5), partial: { revision: 6, writes: 3 } };
    await destination.apply({ writes: [], expected: null, next: partial }, never);
    expect(await destination.checkpoint(never)).toEqual(partial);
    const others: Checkpoint[] = [
      checkpointAt(5),
      { ...partial, journal: 'other' },
      { ...partial, filter: 'other' },
      { ...partial, position: { generation: 2, revision: 5 } },
      { ...partial, resync: { snapshot: 's', target, attempt: 1 } },
      { ...partial, partial: { revision: 6, writes: 4 } },
      { ...partial, fence: { offJournal: 0, fencedOff: 1 } },
    ];
    for (const expected of others) {
      const result = await destination.apply({ writes: [put('k', 'x')], expected, next: checkpointAt(9) }, never);
      expect(result).toEqual({ outcome: 'superseded', found: partial });
    }
    const resync: Checkpoint = { ...checkpointAt(5), resync: { snapshot: 's', target, attempt: 1 } };
    await destination.apply({ writes: [], expected: partial, next: resync }, never);
    // A resync's writes keep the mark.
    const kept = await destination.apply({ writes: [put('k', 'y')], expected: resync, next: resync }, never);
    expect(kept).toEqual({ outcome: 'applied' });
    expect(await destination.checkpoint(never)).toEqual(resync);
    expect(await contentOf(destination)).toEqual([['k', 'y']]);
  });

  it.each<[string, Partial<Checkpoint>]>([
    ['whole revisions', {}],
    ['a part of a revision', { partial: { revision: 6, writes: 3 } }],
    ['a resync', { resync: { snapshot: 's', target: { generation: 1, revision: 9 }, attempt: 1 } }],
  ])('shuts out what expects a checkpoint whose fence has changed since: %s', async (_, state) => {
    const shared = await open();
    const [late, present] = [await shared.client(), await shared.client()];
    const stands: Checkpoint = { ...checkpointAt(5), ...state };
    const closed: Checkpoint = { ...stands, fence: { offJournal: 7, fencedOff: 1 } };
    await late.apply({ writes: [put('k', 'a')], expected: null, next: stands }, never);
    expect(await present.apply({ writes: [], expected: stands, next: closed }, never)).toEqual({
      outcome: 'applied',
    });
    const request = { writes: [put('k', 'late'), remove('k1')], expected: stands, next: stands };
    expect(await late.apply(request, never)).toEqual({ outcome: 'superseded', found: closed });
    expect(await contentOf(late)).toEqual([['k', 'a']]);
    // Fenced off twice is fenced off once.
    const again = await present.apply({ writes: [], expected: stands, next: closed }, never);
    expect(again).toEqual({ outcome: 'already' });
  });

  it('refuses an unreadable checkpoint and does not overwrite it', async () => {
    const shared = await open();
    const destination = await shared.client();
    await shared.garbleCheckpoint();
    await expect(destination.checkpoint(never)).rejects.toThrow(TidemarkError);
    await expect(destination.view(never)).rejects.toThrow(TidemarkError);
    await expect(destination.apply(move(null, 1, [put('k', 'a')]), never)).rejects.toThrow(TidemarkError);
    await expect(destination.apply(move(1, 2, [put('k', 'a')]), never)).rejects.toMatchObject({
      code: 'CHECKPOINT_UNREADABLE',
    });
    await expect(destination.checkpoint(never)).rejects.toThrow(TidemarkError);
  });
}

function writing(open: OpenDestination): void {
  it('puts, deletes, and takes the delete of an absent key', async () => {
    const destination = await (await open()).client();
    await destination.apply(move(null, 1, [put('k1', 'a'), put('k2', 'b'), remove('k9')]), never);
    await destination.apply(move(1, 2, [put('k1', 'c'), remove('k2'), put('k3', '')]), never);
    expect(await contentOf(destination)).toEqual([
      ['k1', 'c'],
      ['k3', ''],
    ]);
  });

  it('moves the checkpoint without any write', async () => {
    const destination = await (await open()).client();
    await destination.apply(move(null, 1, [put('k', 'a')]), never);
    expect(await destination.apply(move(1, 100), never)).toEqual({ outcome: 'applied' });
    expect(await destination.checkpoint(never)).toEqual(checkpointAt(100));
  });

  it('takes keys and values of any bytes', async () => {
    const destination = await (await open()).client();
    const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
    const keys = ['k\x00', 'k\x00\x00', 'k\xff', 'k\xff\xff', 'k__proto__', 'k/constructor', 'k\xc3\x28', `k${bytes}`];
    await destination.apply(
      move(
        null,
        1,
        keys.map((key) => put(key, bytes)),
      ),
      never,
    );
    const found = await contentOf(destination);
    expect(new Map(found)).toEqual(new Map(keys.map((key) => [key, bytes])));
    await destination.apply(move(1, 2, keys.map(remove)), never);
    expect(await contentOf(destination)).toEqual([]);
  });

  it('takes the first and the last of all keys, and __proto__', async () => {
    const destination = await (await open()).client();
    const keys = ['\x00', '\xff\xff', '__proto__'];
    await destination.apply({ ...move(null, 1), writes: keys.map((key) => put(key, `of ${key}`)) }, never);
    for (const key of keys) {
      expect(await contentOf(destination, prefixRange(Buffer.from(key, 'latin1')))).toEqual([[key, `of ${key}`]]);
    }
  });

  it('shows as many writes as it allows in one state', async () => {
    const destination = await (await open()).client();
    const count = Math.min(4096, destination.limits.maxWrites);
    expect(count).toBe(4096);
    const key = (index: number) => `k${String(index).padStart(5, '0')}`;
    const writes = Array.from({ length: count }, (_, index) => put(key(index), String(index)));
    await destination.apply(move(null, 1), never);
    let done = false;
    const applying = destination.apply(move(1, 2, writes), never).finally(() => {
      done = true;
    });
    const asked = writes.map((write) => write.key);
    const sizes = new Set<number>();
    while (!done) {
      const { values } = await destination.read(asked, never);
      sizes.add(values.filter((value) => value !== null).length);
      if ((await destination.view(never)).atOneState) sizes.add((await contentOf(destination)).length);
    }
    expect(await applying).toEqual({ outcome: 'applied' });
    expect([...sizes].filter((size) => size !== 0 && size !== count)).toEqual([]);
    expect((await contentOf(destination)).map(([name]) => name)).toEqual(writes.map((_, index) => key(index)));
  });

  it('takes a value of 1 MiB', async () => {
    const destination = await (await open()).client();
    const value = 'v'.repeat(1024 * 1024);
    expect(await destination.apply(move(null, 1, [put('k', value)]), never)).toEqual({ outcome: 'applied' });
    const [found] = await contentOf(destination);
    expect(found?.[1] === value).toBe(true);
  });
}

function reading(open: OpenDestination): void {
  it('shows data no older than its checkpoint while writes go on, of one state where it says so', async () => {
    const shared = await open();
    const [writer, reader] = [await shared.client(), await shared.client()];
    const values = (revision: number) => ['k1', 'k2', 'k3'].map((key) => put(key, String(revision)));
    await writer.apply(move(null, 1, values(1)), never);
    let writtenTo = 1;
    let stop = false;
    const writes = (async () => {
      for (; !stop; writtenTo++) await writer.apply(move(writtenTo, writtenTo + 1, values(writtenTo + 1)), never);
    })();
    const seen = new Set<number>();
    while (seen.size < 5) {
      const view = await reader.view(never);
      const revision = view.checkpoint?.position.revision ?? 0;
      // A view of one state stays what it is while the destination moves on.
      while (seen.size < 4 && writtenTo <= revision + 1) await new Promise(setImmediate);
      const found: number[] = [];
      for await (const page of view.range(EVERYTHING_BELOW_K, never)) {
        found.push(...page.map(({ value }) => Number(value.toString())));
      }
      // Elsewhere each key may be newer than the checkpoint, never older.
      const shown = view.atOneState ? found : found.map((value) => Math.min(value, revision));
      expect(shown).toEqual(Array.from({ length: 3 }, () => revision));
      seen.add(revision);
    }
    stop = true;
    await writes;
  });

  it('includes the start of a range, leaves out its end, and sorts by bytes', async () => {
    const destination = await (await open()).client();
    const keys = ['k', 'k\x00', 'k/a', 'k/a/', 'k/b', 'ka', 'k\x7f', 'k\x80', 'k\xff', 'l'];
    await destination.apply(
      move(
        null,
        1,
        keys.toReversed().map((key) => put(key, 'v')),
      ),
      never,
    );
    const range = async (start: string, end: string | null) => {
      const bound = { start: Buffer.from(start, 'latin1'), end: end === null ? null : Buffer.from(end, 'latin1') };
      return (await contentOf(destination, bound)).map(([key]) => key);
    };
    expect(await range('k', 'l')).toEqual(keys.slice(0, -1));
    expect(await range('k/a', 'k/b')).toEqual(['k/a', 'k/a/']);
    expect(await range('k\x80', null)).toEqual(['k\x80', 'k\xff', 'l']);
    expect(await range('k0', 'k1')).toEqual([]);
  });

  it('reads across pages without a hole', async () => {
    const destination = await (await open()).client();
    const keys = Array.from({ length: 3000 }, (_, index) => `k${String(index).padStart(4, '0')}`);
    const value = 'v'.repeat(300);
    await destination.apply(
      move(
        null,
        1,
        keys.map((key) => put(key, value)),
      ),
      never,
    );
    expect((await contentOf(destination)).map(([key]) => key)).toEqual(keys);
  });

  it('reads some keys and the checkpoint of one state, while writes go on', async () => {
    const shared = await open();
    const [writer, reader] = [await shared.client(), await shared.client()];
    const keys = Array.from({ length: 250 }, (_, index) => `k${index}`);
    const values = (revision: number) => keys.map((key) => put(key, String(revision)));
    await writer.apply(move(null, 1, values(1)), never);
    const asked = [...keys, 'k/absent'].map((key) => Buffer.from(key));
    let stop = false;
    const writes = (async () => {
      for (let at = 1; !stop; at++) await writer.apply(move(at, at + 1, values(at + 1)), never);
    })();
    const seen = new Set<number>();
    while (seen.size < 4) {
      const { checkpoint, values: found } = await reader.read(asked, never);
      const revision = checkpoint?.position.revision ?? 0;
      const expected = [...keys.map(() => String(revision)), null];
      expect(found.map((value) => value?.toString() ?? null)).toEqual(expected);
      seen.add(revision);
    }
    stop = true;
    await writes;
  });

  it('reads without a checkpoint, and without keys', async () => {
    const destination = await (await open()).client();
    expect(await destination.read([], never)).toEqual({ checkpoint: null, values: [] });
    expect(await destination.read([Buffer.from('k')], never)).toEqual({ checkpoint: null, values: [null] });
  });

  it('counts the keys of a range', async () => {
    const destination = await (await open()).client();
    const keys = ['k/a', 'k/b', 'k/b/c', 'l'];
    const writes = keys.map((key) => put(key, 'v'));
    await destination.apply(move(null, 1, writes), never);
    expect(await destination.count(EVERYTHING_BELOW_K, never)).toBe(3);
    expect(await destination.count(prefixRange(Buffer.from('k/b')), never)).toBe(2);
    expect(await destination.count(prefixRange(Buffer.from('m')), never)).toBe(0);
  });
}

/** Where a destination knows who wrote, it has to report all of it, and nothing of our own. */
function foreign(open: OpenDestination): void {
  it('reports what somebody else wrote, in the ranges, and nothing that `apply` wrote', async () => {
    const shared = await open();
    const [ours, replaced] = [await shared.client(), await shared.client()];
    await ours.apply(move(null, 1, [put('k1', 'a')]), never);
    const over = new AbortController();
    const watching = ours.foreignWrites([EVERYTHING_BELOW_K], over.signal);
    if (watching === null) return;
    const seen: string[] = [];
    const done = (async () => {
      for await (const writes of watching) {
        seen.push(...writes.map(({ kind, key }) => `${kind} ${key.toString()}`));
        if (seen.includes('put k/end')) return;
      }
    })();
    // Watching begins a moment after the call: a stranger writes until he is seen.
    while (seen.length === 0) await shared.write('k/begin', 'x');
    seen.length = 0;
    await replaced.apply(move(1, 2, [put('k1', 'b'), put('k2', 'c')]), never);
    await shared.write('l/elsewhere', 'x');
    await shared.write('k2', 'foreign');
    await ours.apply(move(2, 3, [put('k2', 'd'), remove('k1')]), never);
    await shared.write('k2', null);
    await shared.write('k/end', 'x');
    await done;
    over.abort();
    expect(seen.filter((write) => write !== 'put k/begin')).toEqual(['put k2', 'delete k2', 'put k/end']);
  });
}
