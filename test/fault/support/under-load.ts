import { setTimeout as delay } from 'node:timers/promises';
import {
  audit,
  type ChainVerdict,
  checkChain,
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsServer,
  NO_BRAKES,
  OnceOnlyWriter,
  Pipeline,
  type PipelineOptions,
  Random,
  RawJournal,
  readRawJournal,
  runWorkload,
  type Servers,
  type TidemarkNode,
  until,
} from '@tidemark/testing';
import { expect } from 'vitest';

const MAX_VALUE_BYTES = 16 * 1024;
/** Operations that fill every stage of the pipeline. */
const BURST = 60;
/**
 * Longest time between bursts, milliseconds. Nobody takes over from a leader that appends without a pause and does not
 * stop: the end of the journal has moved before the term record arrives there. Only a lull gives the others a turn.
 */
const LULL_MS = 400;
/** Written last: when it is at the destination, so is everything before it. */
const LAST_KEY = '/app/last';

interface StageParts {
  readonly servers: Servers;
  readonly source: EtcdServer;
  readonly destination: EtcdServer;
  readonly nats: NatsServer;
  readonly pipeline: Pipeline;
}

/** A pipeline of three nodes from `/app/` of one etcd to another, on servers of its own. */
export class Stage implements AsyncDisposable {
  readonly source: EtcdServer;
  readonly pipeline: Pipeline;
  private readonly destination: EtcdServer;
  private readonly nats: NatsServer;

  private constructor(private readonly parts: StageParts) {
    const { source, destination, nats, pipeline } = parts;
    this.source = source;
    this.destination = destination;
    this.nats = nats;
    this.pipeline = pipeline;
  }

  static async build(options: Pick<PipelineOptions, 'leaseTtl' | 'environment'> = {}): Promise<Stage> {
    const servers = localServers();
    const [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
    const routes = [{ prefix: '/app/' }];
    const destinations = [{ name: 'replica', kind: 'etcd', endpoints: [destination.url], routes, brakes: NO_BRAKES }];
    const pipeline = await Pipeline.start({ source, nats, destinations, ...options });
    await pipeline.leader();
    const stage = new Stage({ servers, source, destination, nats, pipeline });
    // Who is elected has not written yet; until then the journal has no term.
    await stage.termAfter(0);
    return stage;
  }

  /**
   * Lets faults happen while bursts of writes come in, and judges what has become of it, with nothing of the code under test:
   * the journal is one chain, the destination is equal, and every effect was there exactly once. Returns the chain.
   */
  async underLoad(seed: number, faults: () => Promise<void>): Promise<ChainVerdict> {
    const gateway = new EtcdGateway(this.source.url);
    const onceOnly = new OnceOnlyWriter(gateway, '/app/once/');
    const random = new Random(seed);
    let writing = true;
    const load = (async () => {
      while (writing) {
        await burst(gateway, onceOnly, random);
        await delay(random.below(LULL_MS));
      }
    })();
    try {
      await faults();
    } finally {
      writing = false;
      await load;
    }
    // First of all: a broken chain explains whatever else is wrong.
    await this.chain();
    await this.caughtUp(gateway);
    expect(await onceOnly.check(this.destination)).toMatchObject({ violations: [] });
    await this.mustBeEqual();
    return await this.chain();
  }

  /** The term of the last message in the journal, as a stranger reads it. */
  async journalTerm(): Promise<number> {
    const journal = await RawJournal.open(this.nats, 'TIDEMARK_test');
    try {
      return Number((await journal.last()).headers.get('Tidemark-Term'));
    } finally {
      journal.close();
    }
  }

  /** Waits until a leader has written under a later term than this one. */
  async termAfter(term: number): Promise<void> {
    await until(async () => (await this.journalTerm()) > term, {
      timeoutMs: 30_000,
      describe: `a term after ${term} in the journal`,
    });
  }

  /** Appends of leaders that were refused because another one wrote, over all nodes. */
  async refusedAppends(): Promise<number> {
    const { nodes } = this.pipeline;
    const counts = await Promise.all(nodes.map((node) => node.metric('tidemark_fenced_total', 'role="leader"')));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** The node of this id. */
  node(id: string): TidemarkNode {
    const node = this.pipeline.nodes.find((candidate) => candidate.id === id);
    if (node === undefined) throw new Error(`the pipeline has no node ${id}`);
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pipeline[Symbol.asyncDispose]();
    await this.parts.servers[Symbol.asyncDispose]();
  }

  private async caughtUp(gateway: EtcdGateway): Promise<void> {
    await gateway.put(LAST_KEY, 'last');
    const copy = new EtcdGateway(this.destination.url);
    await until(async () => (await copy.get(LAST_KEY)) !== null, {
      timeoutMs: 60_000,
      describe: 'the last key at the destination',
    });
  }

  private async mustBeEqual(): Promise<void> {
    const side = (server: EtcdServer) => ({ server, prefix: '/app/' });
    const { keys, differences } = await audit({ source: side(this.source), destination: side(this.destination) });
    expect(differences).toEqual([]);
    expect(keys).toBeGreaterThan(100);
  }

  private async chain(): Promise<ChainVerdict> {
    const verdict = checkChain(await readRawJournal(this.nats, 'TIDEMARK_test'));
    expect(verdict.violations).toEqual([]);
    return verdict;
  }
}

async function burst(gateway: EtcdGateway, onceOnly: OnceOnlyWriter, random: Random): Promise<void> {
  let left = BURST / 3;
  const workload = runWorkload(gateway, {
    operations: BURST,
    random,
    prefixes: ['/app/', '/other/'],
    keysPerPrefix: 300,
    concurrency: 3,
    maxValueBytes: MAX_VALUE_BYTES,
  });
  await Promise.all([workload, onceOnly.run(() => left-- > 0)]);
}
