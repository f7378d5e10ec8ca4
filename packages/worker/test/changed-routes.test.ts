import { MemoryDestination, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KEYS, Stage } from './support/stage.js';
import { filter } from './support/worker-node.js';

beforeAll(shortWaits);

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(() => stage[Symbol.asyncDispose]());

describe('changed routes', () => {
  const others = filter.with([{ prefix: '/a/1', rewrite: '/b/1', exclude: [], leased: 'keep' }]);

  it('are held, show what appears and disappears, and take keys away that no route takes any more', async () => {
    const first = stage.work();
    await first.reaches(stage.chronicle.source.revision);
    await first.stop();
    const second = stage.work({ filter: others });
    await second.becomes('held');
    const kept = [...stage.expected.keys()].filter((key) => key.startsWith('/b/1'));
    expect(second.hold).toMatchObject({ brake: 'filter' });
    expect(second.hold?.evidence).toContain(
      `0 keys would appear, 0 would change, ${KEYS - kept.length} would disappear`,
    );
    expect(stage.found).toEqual(stage.expected);
    await stage.approve(second);
    await second.becomes('streaming');
    expect([...stage.found.keys()].sort()).toEqual(kept.sort());
  });

  it('are no reason to hold when they mean the same', async () => {
    const first = stage.work();
    await first.reaches(stage.chronicle.source.revision);
    await first.stop();
    const second = stage.work({
      filter: filter.with([
        { prefix: '/nothing/', exclude: [], leased: 'keep' },
        { prefix: '/a/', rewrite: '/b/', exclude: [], leased: 'keep' },
      ]),
    });
    await second.becomes('streaming');
    expect(second.states).not.toContain('held');
  });

  it('that are taken back before anybody approved leave everything as it was', async () => {
    const first = stage.work();
    await first.reaches(stage.chronicle.source.revision);
    await first.stop();
    const second = stage.work({ filter: others });
    await second.becomes('held');
    await second.stop();
    const third = stage.work();
    await third.becomes('streaming');
    expect(stage.found).toEqual(stage.expected);
  });
});

describe('changed routes that were applied half-way', () => {
  const route = (prefix: string) =>
    filter.with([{ prefix: `/a/${prefix}`, rewrite: `/${prefix}/`, exclude: [], leased: 'keep' }]);

  async function bootstrapHalf(to: ReturnType<typeof route>): Promise<void> {
    const start = stage.destination.applies;
    stage.destination.refuseFrom(start + 4);
    const worker = stage.work({ filter: to });
    await worker.becomes('held');
    await stage.approve(worker);
    await worker.becomes('backing_off');
    await worker.stop();
    stage.destination.recover();
  }

  async function bootstrapWhole(to: ReturnType<typeof route>): Promise<void> {
    const worker = stage.work({ filter: to });
    await until(() => ['held', 'streaming'].includes(worker.lastState ?? ''), { describe: 'held or streaming' });
    if (worker.lastState === 'held') await stage.approve(worker);
    await worker.becomes('streaming');
    await worker.stop();
  }

  beforeEach(async () => {
    stage.destination = new MemoryDestination({ limits: { maxWrites: 10, maxBytes: 1024 * 1024 } });
    await bootstrapWhole(filter);
    await bootstrapHalf(route('1'));
    expect([...stage.destination.content().keys()].some((key) => key.startsWith('/1/'))).toBe(true);
  });

  it('leave no key of routes that were given up half-way', async () => {
    await bootstrapWhole(route('2'));
    expect([...stage.destination.content().keys()].filter((key) => !key.startsWith('/2/'))).toEqual([]);
  });

  it('that were approved are held once more when they would be brought from another snapshot', async () => {
    await stage.put('/a/newer', 'x');
    await stage.chronicle.snapshot();
    const worker = stage.work({ filter: route('1') });
    await until(() => ['held', 'streaming'].includes(worker.lastState ?? ''), { describe: 'held or streaming' });
    expect(worker.hold).toMatchObject({ brake: 'filter' });
  });

  it('leave alone what somebody else keeps by now where routes of long ago wrote', async () => {
    await bootstrapWhole(route('1'));
    stage.destination.write('/b/of somebody else', 'x');
    await bootstrapWhole(route('2'));
    expect(stage.destination.content().get('/b/of somebody else')).toBe('x');
  });

  it('leave no key when they are changed back half-way', async () => {
    await bootstrapWhole(filter);
    expect(stage.destination.content()).toEqual(stage.expected);
  });
});
