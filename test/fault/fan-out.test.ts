import { until } from '@tidemark/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FanOut } from './support/fan-out.js';

const MEMORY_LIMIT_MIB = 300;
const NODES = 3;

let fanOut: FanOut;
/** How long a round takes when all is well, milliseconds, shortest first. */
let control: readonly number[];

beforeAll(async () => {
  fanOut = await FanOut.start();
  await fanOut.pipeline.leader();
});

afterAll(() => fanOut?.[Symbol.asyncDispose]());

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

it('spreads 50 destinations over three nodes, and asks little of the coordination etcd and of NATS', async () => {
  const owners = [...(await fanOut.placed()).values()];
  const shares = fanOut.pipeline.nodes.map(({ id }) => owners.filter((owner) => owner === id).length);
  expect(shares.reduce((sum, share) => sum + share)).toBe(50);
  // These names on these nodes are a fixed draw: 50/3 each, give or take two standard deviations.
  for (const share of shares) expect(share).toBeGreaterThanOrEqual(10);

  // Who begins asks more: what people have ordered, what is held, what was repaired.
  for (const name of fanOut.all) await fanOut.caughtUp(name);
  const [before, started] = [await fanOut.asked(), performance.now()];
  control = await fanOut.lags();
  const [after, seconds] = [await fanOut.asked(), (performance.now() - started) / 1_000];
  await fanOut.expectEqual(fanOut.healthy);
  // At so short a lease the leader's election, the node's registration, what people have ordered and the probes ask for six a
  // second, and placement for one in five seconds. An election for each destination would ask for seventy a second.
  expect((after.reads - before.reads) / seconds).toBeLessThan(NODES * 6);
  expect((after.watches - before.watches) / seconds).toBeLessThan(NODES * 6);
  const { connections, consumers } = await fanOut.natsClients();
  expect(connections).toBeLessThanOrEqual(NODES * 3);
  expect(consumers).toBeLessThanOrEqual(50 + NODES);
});

it('keeps 48 destinations as fast as before while one is frozen and one refuses connections', async () => {
  const { frozen, refusing } = fanOut.servers;
  await Promise.all([frozen.pause(), refusing.stop()]);
  const faulty = await fanOut.lags();
  await fanOut.expectEqual(fanOut.healthy);
  // The faults happened: both are reported, and both lag.
  const suffering = async () => {
    const { destinations } = await fanOut.pipeline.anyNode.status();
    return destinations.filter(({ name, lagRevisions }) => !fanOut.healthy.includes(name) && lagRevisions > 0);
  };
  await until(async () => (await suffering()).every(({ state }) => state === 'backing_off'), { describe: 'trouble' });
  expect((await suffering()).map(({ name }) => name)).toEqual(['frozen', 'refusing']);
  // Anything that waited for a dead destination would wait for its deadline: seconds, and in each round.
  const figures = {
    control: { median: median(control), max: control.at(-1) },
    faulty: { median: median(faulty), max: faulty.at(-1) },
  };
  expect(figures.faulty.median, JSON.stringify(figures)).toBeLessThan(3 * figures.control.median + 200);
  await frozen.resume();
  await refusing.start();
  await fanOut.caughtUp('frozen');
  await fanOut.caughtUp('refusing');
  await fanOut.expectEqual(fanOut.all);
});

it('kill -9 of a node: its destinations go to the others, nothing else moves, and all are equal', async () => {
  const before = await fanOut.placed();
  const victim = await fanOut.pipeline.leader();
  const lost = [...before].filter(([, owner]) => owner === victim.id).map(([name]) => name);
  expect(lost.length).toBeGreaterThan(0);
  await victim.kill();
  let owners = before;
  await until(
    async () => {
      owners = await fanOut.owners();
      return owners.size === 50 && [...owners.values()].every((owner) => owner !== victim.id);
    },
    { timeoutMs: 20_000, describe: () => `owners without ${victim.id}: ${JSON.stringify([...owners])}` },
  );
  for (const [name, owner] of before) if (owner !== victim.id) expect(owners.get(name)).toBe(owner);
  // Both of the others got some of them.
  expect(new Set(lost.map((name) => owners.get(name))).size).toBe(2);
  await fanOut.pipeline.leader();
  await fanOut.lags();
  await fanOut.expectEqual(fanOut.healthy);
  await victim.start();
});

it('hands the destinations back when the node has been up long enough: no write is refused, nothing waits', async () => {
  const refused = async () => {
    const counts = fanOut.pipeline.nodes.map((node) => node.metric('tidemark_fenced_total', 'role="worker"'));
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  };
  const [refusedBefore, before] = [await refused(), await fanOut.owners()];
  // Writes go on while destinations move.
  const rounds: number[] = [];
  let moving = true;
  const writing = (async () => {
    while (moving) rounds.push(...(await fanOut.lags()));
  })();
  const after = await fanOut.placed();
  moving = false;
  await writing;
  const moved = [...after].filter(([name, owner]) => before.get(name) !== owner);
  expect(moved.length).toBeGreaterThanOrEqual(10);
  expect(await refused()).toBe(refusedBefore);
  expect(rounds.length).toBeGreaterThan(0);
  const logs = fanOut.pipeline.nodes.map((node) => node.log()).join('\n');
  expect(logs).toMatch(/is preferred and has been up for \d+ s/);
  await fanOut.expectEqual(fanOut.all);
});

it('stays within its memory on every node', () => {
  expect(fanOut.pipeline.peakRssMiB).toBeLessThan(MEMORY_LIMIT_MIB);
});
