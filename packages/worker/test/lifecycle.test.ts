import { DESTINATION_STATES, InvariantError } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { LIFECYCLE_EVENTS, nextState, TRANSITIONS } from '../src/lifecycle.js';

describe('the life of a destination', () => {
  it('has a row for every state and a column for every event', () => {
    expect(Object.keys(TRANSITIONS).sort()).toEqual([...DESTINATION_STATES].sort());
    for (const row of Object.values(TRANSITIONS)) expect(Object.keys(row).sort()).toEqual([...LIFECYCLE_EVENTS].sort());
  });

  it('reaches every state from starting, and gets out of every state again', () => {
    const reachable = (from: (typeof DESTINATION_STATES)[number]) => {
      const seen = new Set([from]);
      for (const state of seen) for (const next of Object.values(TRANSITIONS[state])) if (next !== null) seen.add(next);
      return seen;
    };
    for (const state of DESTINATION_STATES)
      expect([...reachable(state)].sort()).toEqual([...DESTINATION_STATES].sort());
  });

  it('never leaves a hold or a pause but by its end', () => {
    const ways = (state: 'held' | 'paused') =>
      LIFECYCLE_EVENTS.filter((event) => {
        const next = TRANSITIONS[state][event];
        return next !== null && next !== state;
      });
    expect(ways('held')).toEqual(['release']);
    expect(ways('paused')).toEqual(['resume']);
  });

  it('refuses what cannot happen', () => {
    expect(nextState('starting', 'following')).toBe('streaming');
    expect(() => nextState('paused', 'following')).toThrow(InvariantError);
    expect(() => nextState('streaming', 'resume')).toThrow(InvariantError);
  });
});
