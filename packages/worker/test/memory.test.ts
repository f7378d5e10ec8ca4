import { DESTINATION_STATES, type DestinationState, type Hold, InvariantError } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { type Activity, beginning, conditionOf, type Memory, type Outcome, remember } from '../src/owner/memory.js';

const hold: Hold = { id: 'h', brake: 'deletes', evidence: 'Many.', upTo: null, deletes: 9, since: 'then' };

const OUTCOMES: Readonly<Record<Outcome['kind'], Outcome>> = {
  looked: { kind: 'looked', progress: { revision: 7 }, writesLost: true },
  backlog_reported: { kind: 'backlog_reported' },
  waiting: { kind: 'waiting', reason: 'no leader' },
  resyncing: { kind: 'resyncing', step: 'comparing' },
  resynced: { kind: 'resynced', order: 'o' },
  held: { kind: 'held', hold, reason: 'held' },
  released: { kind: 'released' },
  following: { kind: 'following' },
  let_go: { kind: 'let_go', upTo: { generation: 1, revision: 7 } },
  applied: { kind: 'applied' },
  reset: { kind: 'reset' },
  paused: { kind: 'paused', reason: 'paused' },
  resumed: { kind: 'resumed' },
  failed: { kind: 'failed', reason: 'no answer', permanent: false, positionLost: false },
};
const KINDS = Object.keys(OUTCOMES) as Outcome['kind'][];

const ACTIVITIES: Readonly<Record<DestinationState, Activity>> = {
  starting: { kind: 'starting', reason: null },
  bootstrapping: { kind: 'resyncing', step: 'waiting' },
  streaming: { kind: 'following' },
  held: { kind: 'held', hold, reason: 'held' },
  paused: { kind: 'paused', reason: 'paused' },
  backing_off: { kind: 'failing', permanent: false, reason: 'no answer' },
  failed: { kind: 'failing', permanent: true, reason: 'refused' },
};

function memoryIn(state: DestinationState): Memory {
  return { ...beginning('1'), activity: ACTIVITIES[state] };
}

type Row = Readonly<Partial<Record<Outcome['kind'], DestinationState | null>>>;

/** The state that follows; null for an outcome that cannot happen. Outcomes that are not here leave the state as it is. */
const WORKING: Row = {
  ...{ waiting: 'starting', resyncing: 'bootstrapping', held: 'held', released: null, following: 'streaming' },
  ...{ paused: 'paused', resumed: null, failed: 'backing_off' },
};
const HELD: Row = {
  ...WORKING,
  waiting: null,
  resyncing: null,
  released: 'starting',
  following: null,
  paused: null,
  failed: null,
} as const;
const PAUSED: Row = { ...HELD, held: null, released: null, paused: 'paused', resumed: 'starting' };
const TABLE: Readonly<Record<DestinationState, Row>> = {
  ...{ starting: WORKING, bootstrapping: WORKING, streaming: WORKING, backing_off: WORKING, failed: WORKING },
  ...{ held: HELD, paused: PAUSED },
};

describe('every outcome in every state', () => {
  const pairs = DESTINATION_STATES.flatMap((state) => KINDS.map((kind) => ({ state, kind })));

  it.each(pairs)('$state, then $kind', ({ state, kind }) => {
    const next = TABLE[state][kind];
    const see = () => conditionOf(remember(memoryIn(state), OUTCOMES[kind], '2')).state;
    if (next === null) expect(see).toThrow(InvariantError);
    else expect(see()).toBe(next ?? state);
  });

  it('never changes the memory it was given', () => {
    for (const { state, kind } of pairs) {
      if (TABLE[state][kind] === null) continue;
      const memory = memoryIn(state);
      remember(memory, OUTCOMES[kind], '2');
      expect(memory).toEqual(memoryIn(state));
    }
  });

  it('leads from each state to each other one', () => {
    for (const state of DESTINATION_STATES) {
      const seen = new Set([state]);
      for (const each of seen) for (const next of Object.values(TABLE[each])) if (next !== null) seen.add(next);
      // A failure that only people can end is another outcome of the same kind.
      expect([...seen, 'failed'].sort()).toEqual(expect.arrayContaining([...DESTINATION_STATES].sort()));
    }
  });
});

describe('what is remembered for the next attempt', () => {
  const after = (...outcomes: Outcome[]) =>
    outcomes.reduce((memory, each) => remember(memory, each, '2'), beginning('1'));
  const failed = (positionLost: boolean): Outcome => ({ ...failure('gone'), positionLost });

  it('the journal does not lead on after a lost position or a reset, until a resync is done or something else fails', () => {
    expect(after(failed(true)).cutOff).toBe('position_lost');
    expect(after({ kind: 'reset' }).cutOff).toBe('reset');
    expect(after(failed(true), { kind: 'resyncing', step: 's' }).cutOff).toBe('position_lost');
    expect(after({ kind: 'reset' }, { kind: 'resynced', order: null }).cutOff).toBeNull();
    expect(after({ kind: 'reset' }, failed(false)).cutOff).toBeNull();
  });

  it('an order is carried out once, also when a resync follows that nobody ordered', () => {
    expect(after({ kind: 'resynced', order: 'o' }, { kind: 'resynced', order: null }).carriedOut).toBe('o');
    expect(after({ kind: 'resynced', order: 'o' }, { kind: 'resynced', order: 'p' }).carriedOut).toBe('p');
  });

  it('lost writes are lost until a resync is done or they are found', () => {
    const lost = OUTCOMES.looked;
    expect(after(lost).writesLost).toBe(true);
    expect(after(lost, { kind: 'resynced', order: null }).writesLost).toBe(false);
    expect(after(lost, { kind: 'looked', progress: null, writesLost: false }).writesLost).toBe(false);
  });
});

describe('since when a destination fails', () => {
  /** Outcomes at seconds, and since when people see the last state. */
  const since = (...given: (readonly [at: string, outcome: Outcome])[]) =>
    conditionOf(given.reduce((memory, [at, outcome]) => remember(memory, outcome, at), beginning('0'))).since;
  const resyncing = OUTCOMES.resyncing;
  const tooLarge = { ...failure('too large'), permanent: true };

  it('the first attempt that failed, until it gets further', () => {
    expect(since(['10', tooLarge])).toBe('10');
    expect(since(['10', tooLarge], ['20', resyncing])).toBe('20');
    expect(since(['10', tooLarge], ['20', resyncing], ['30', tooLarge])).toBe('10');
    expect(since(['10', tooLarge], ['20', resyncing], ['30', tooLarge], ['40', resyncing], ['50', tooLarge])).toBe(
      '10',
    );
  });

  it('begins again with another failure, and with the same one after something was applied', () => {
    const before = [
      ['10', tooLarge],
      ['40', resyncing],
    ] as const;
    expect(since(...before, ['40', failure('no space')])).toBe('40');
    expect(since(...before, ['45', OUTCOMES.applied], ['50', tooLarge])).toBe('50');
  });

  it('begins again when it was streaming in between, although there was nothing to apply', () => {
    expect(since(['0', failure('refused')], ['0', OUTCOMES.following], ['3600', failure('refused')])).toBe('3600');
  });
});

function failure(reason: string): Extract<Outcome, { kind: 'failed' }> {
  return { kind: 'failed', reason, permanent: false, positionLost: false };
}
