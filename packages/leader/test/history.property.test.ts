import { MemorySource, Random, type SourceWrite, shortWaits, until } from '@tidemark/testing';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import type { AppendFault } from './support/faulty-leader-journal.js';
import { LeaderNode, Shared } from './support/leader-node.js';
import type { ScriptedLeadership } from './support/scripted-elector.js';

beforeAll(shortWaits);

/** What happens besides the history. `replaced` is a leader that is not notified. */
const INCIDENTS = ['cut', 'fenced', 'stored', 'not stored', 'replaced', 'stepped down'] as const;
type Incident = (typeof INCIDENTS)[number];

const write: fc.Arbitrary<SourceWrite> = fc.record({
  key: fc.constantFrom('/a', '/b', '/c', '\x00', '__proto__'),
  value: fc.oneof(fc.string({ maxLength: 5 }), fc.constant(null)),
});
const step = fc.record({
  writes: fc.uniqueArray(write, { selector: ({ key }) => key, minLength: 1, maxLength: 4 }),
  incident: fc.option(fc.constantFrom(...INCIDENTS), { freq: 3 }),
  /** Turns of the event loop before the next step. */
  turns: fc.nat({ max: 3 }),
});

/** Two nodes, of which the one elected last leads; the other may believe that it still does. */
class Story {
  readonly source: MemorySource;
  readonly shared: Shared;
  private readonly nodes: readonly [LeaderNode, LeaderNode];
  private leading: LeaderNode;
  private leadership: ScriptedLeadership;
  private token = 1;

  constructor(seed: number) {
    const random = new Random(seed);
    this.source = new MemorySource({ burst: () => 1 + random.below(5) });
    this.shared = new Shared(this.source);
    this.nodes = [new LeaderNode(this.shared), new LeaderNode(this.shared)];
    [this.leading] = this.nodes;
    this.leadership = this.leading.elector.elect(this.token);
  }

  strike(incident: Incident): void {
    if (incident === 'cut') this.source.cut();
    else if (incident === 'replaced') this.leadership.replaceUnnoticed();
    else if (incident === 'stepped down') this.leadership.end();
    else this.failNextAppend(incident);
    if (incident === 'replaced' || incident === 'stepped down') this.electOther();
  }

  async caughtUp(): Promise<void> {
    const { source } = this;
    const describe = () => `${source.revision}, at ${this.leading.position?.revision}`;
    await until(() => this.leading.position?.revision === source.revision, { everyMs: 1, timeoutMs: 3000, describe });
  }

  async end(): Promise<void> {
    for (const node of this.nodes) await node.stop();
  }

  private failNextAppend(fault: AppendFault): void {
    this.leading.journal.failNext('batch', fault);
  }

  private electOther(): void {
    const [one, two] = this.nodes;
    this.leading = this.leading === one ? two : one;
    this.leadership = this.leading.elector.elect(++this.token);
  }
}

it('whatever breaks and whoever leads, the journal holds the history, each revision once', async () => {
  const happened = new Map<Incident, number>();
  // On failure fast-check prints the seed.
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(), async (steps, seed) => {
      const story = new Story(seed);
      try {
        await story.caughtUp();
        for (const { writes, incident, turns } of steps) {
          if (incident !== null) {
            happened.set(incident, (happened.get(incident) ?? 0) + 1);
            story.strike(incident);
          }
          story.source.txn(writes);
          for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
        }
        story.source.put('/end', 'of the story');
        await story.caughtUp();
        expect(await story.shared.entries()).toEqual(story.source.history());
        expect((await story.shared.records()).filter(({ kind }) => kind === 'reset')).toHaveLength(1);
      } finally {
        await story.end();
      }
    }),
    { numRuns: 150 },
  );
  for (const incident of INCIDENTS) expect(happened.get(incident)).toBeGreaterThan(20);
});
