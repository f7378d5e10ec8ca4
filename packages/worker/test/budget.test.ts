import { SharedBudget } from '@tidemark/core';
import { expect, it } from 'vitest';
import { collectLimits, queueBytes } from '../src/apply/budget.js';

const MIB = 1024 * 1024;

it('what one destination may hold shrinks with those that share the node, and never to nothing', () => {
  const budget = new SharedBudget(8 * MIB);
  const destination = { limits: { maxWrites: 4096, maxBytes: MIB } };
  const limits = collectLimits(destination, budget);
  const leave = budget.join();
  expect([queueBytes(budget), limits.maxBytes]).toEqual([MIB / 2, MIB]);
  const others = Array.from({ length: 15 }, () => budget.join());
  expect([queueBytes(budget), limits.maxBytes]).toEqual([MIB / 2, MIB / 4]);
  others.push(...Array.from({ length: 1000 }, () => budget.join()));
  expect([queueBytes(budget), limits.maxBytes]).toEqual([MIB / 8, MIB / 8]);
  for (const other of others) other();
  expect([queueBytes(budget), limits.maxBytes]).toEqual([MIB / 2, MIB]);
  leave();
});

it('a destination that takes less than its share gets no more than it takes, now and later', () => {
  const destination = { limits: { maxWrites: 4096, maxBytes: 1000 } };
  const limits = collectLimits(destination, new SharedBudget(8 * MIB));
  expect(limits).toEqual({ maxWrites: 4096, maxBytes: 1000 });
  destination.limits = { maxWrites: 10, maxBytes: 500 };
  expect(limits).toEqual({ maxWrites: 10, maxBytes: 500 });
});
