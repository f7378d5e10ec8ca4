import {
  AmbiguousWriteError,
  FencedError,
  LeadershipLostError,
  SourceCompactedError,
  SourceForeignError,
  SourceGapError,
  SourceRewoundError,
  UnavailableError,
} from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { afterFault, type Decision, type Fault, faultOf, type Memory, NO_FAILURE, type Step } from '../src/decide.js';

const details = { message: 'it broke', remedy: 'None needed: a test asked for this.' };
const cause = { reason: 'gap', evidence: 'it broke' } as const;
const failed = (failure: string): Memory => ({ failure });

describe('the kind of a fault', () => {
  const following = { leading: true, following: true };
  const takingOver = { leading: true, following: false };
  const steppingDown = { leading: false, following: true };

  it.each<[string, unknown, typeof following, Fault['kind']]>([
    ['leadership that is lost', new LeadershipLostError(details), takingOver, 'leadership_over'],
    ['leadership that is lost while it follows', new LeadershipLostError(details), following, 'leadership_over'],
    ['any error while it steps down', new UnavailableError(details), steppingDown, 'leadership_over'],
    ['a fence while it steps down', new FencedError(details), steppingDown, 'leadership_over'],
    ['lost history while it steps down', new SourceGapError(details), steppingDown, 'leadership_over'],
    ['a fence', new FencedError(details), following, 'fenced'],
    ['a fence at the take-over', new FencedError(details), takingOver, 'fenced'],
    ['a gap', new SourceGapError(details), following, 'history_lost'],
    ['compacted history', new SourceCompactedError(details), following, 'history_lost'],
    ['a rewound source', new SourceRewoundError(details), following, 'history_lost'],
    ['another cluster', new SourceForeignError(details), following, 'history_lost'],
    ['compacted history during a snapshot', new SourceCompactedError(details), takingOver, 'failed'],
    ['an append in doubt', new AmbiguousWriteError(details), following, 'failed'],
    ['a server that is away', new UnavailableError(details), takingOver, 'failed'],
    ['an error of another library', new Error('it broke'), following, 'failed'],
    ['a value that is no error', 'it broke', following, 'failed'],
  ])('of %s', (_name, error, during, kind) => {
    expect(faultOf(error, during).kind).toBe(kind);
  });

  it('of lost history names why, and what was seen', () => {
    expect(faultOf(new SourceGapError(details), following)).toEqual({ kind: 'history_lost', cause });
  });

  it('of a failure names its reason', () => {
    expect(faultOf(new FencedError(details), following)).toEqual({ kind: 'fenced', reason: 'FENCED: it broke' });
  });
});

describe('after a fault the leader', () => {
  const down: Step = { kind: 'step_down' };
  const retry: Step = { kind: 'retry' };
  const reset: Step = { kind: 'reset', cause };
  const over: Fault = { kind: 'leadership_over' };
  const lost: Fault = { kind: 'history_lost', cause };
  const fenced: Fault = { kind: 'fenced', reason: 'a' };
  const failure: Fault = { kind: 'failed', reason: 'a' };

  const decision = (step: Step, memory: Memory, isNew: boolean): Decision => ({ step, memory, isNew });

  it.each<[string, Memory, Fault, Decision]>([
    ['steps down when leadership is over', NO_FAILURE, over, decision(down, NO_FAILURE, false)],
    ['steps down when leadership is over after a failure', failed('a'), over, decision(down, failed('a'), false)],
    ['begins a generation when history is lost', NO_FAILURE, lost, decision(reset, NO_FAILURE, false)],
    [
      'begins a generation when history is lost after a failure',
      failed('a'),
      lost,
      decision(reset, failed('a'), false),
    ],
    ['tries again when it was fenced', NO_FAILURE, fenced, decision(retry, failed('a'), true)],
    ['tries again silently when it was fenced again', failed('a'), fenced, decision(retry, failed('a'), false)],
    ['tries again and reports a failure', NO_FAILURE, failure, decision(retry, failed('a'), true)],
    ['tries again silently when the failure lasts', failed('a'), failure, decision(retry, failed('a'), false)],
    ['tries again and reports another failure', failed('b'), failure, decision(retry, failed('a'), true)],
  ])('%s', (_name, memory, fault, expected) => {
    expect(afterFault(memory, fault)).toEqual(expected);
  });
});
