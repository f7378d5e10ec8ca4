import {
  type EtcdServer,
  localServers,
  Pipeline,
  Random,
  RawJournal,
  type RawMessage,
  type TidemarkNode,
  until,
} from '@tidemark/testing';
import { GatewayConnection } from '../measure/gateway-connection.js';
import type { Bench } from '../options.js';

/** Milliseconds from a signal to the leader until the next one has journaled something that was written after it. */
interface Gap {
  readonly rounds: number;
  readonly p50Ms: number;
  readonly maxMs: number;
}

export interface HandOver {
  readonly leaseTtlMs: number;
  /** SIGTERM: the leader drains and hands over. */
  readonly terminated: Gap;
  /** kill -9: its lease has to expire. */
  readonly killed: Gap;
}

const NODES = 3;
const LEASE_TTL_MS = 2_000;
const CANDIDATES = '/__tidemark/test/leader/';
const ROUND_LIMIT_MS = 60_000;
/** So that a round does not always begin at the same moment of the lease's renewals. */
const PAUSE_SPREAD_MS = 300;

/** Three nodes, one writer that never pauses, and leaders that go in an orderly way or not. */
export async function handOver({ sizes }: Bench): Promise<HandOver> {
  await using servers = localServers();
  const [source, destination, nats] = [await servers.etcd(), await servers.etcd(), await servers.nats()];
  const routes = [{ prefix: '/app/' }];
  await using pipeline = await Pipeline.start({
    source,
    nats,
    nodes: NODES,
    leaseTtl: `${LEASE_TTL_MS}ms`,
    destinations: [{ name: 'copy', kind: 'etcd', endpoints: [destination.url], routes }],
  });
  await pipeline.leader();
  const journal = await RawJournal.open(nats, 'TIDEMARK_test');
  const writer = await Writer.start(source.address);
  const stage: HandOverStage = { pipeline, journal, writer, source, random: new Random(4) };
  const terminated = await repeat(sizes.handOvers, stage, (leader) => leader.stop());
  const killed = await repeat(sizes.handOvers, stage, (leader) => leader.kill());
  await writer.stop();
  journal.close();
  return { leaseTtlMs: LEASE_TTL_MS, terminated, killed };
}

interface HandOverStage {
  readonly pipeline: Pipeline;
  readonly journal: RawJournal;
  readonly writer: Writer;
  readonly source: EtcdServer;
  readonly random: Random;
}

async function repeat(
  rounds: number,
  stage: HandOverStage,
  end: (leader: TidemarkNode) => Promise<void>,
): Promise<Gap> {
  const gaps: number[] = [];
  while (gaps.length < rounds) gaps.push(await round(stage, end));
  gaps.sort((left, right) => left - right);
  return { rounds, p50Ms: gaps[Math.floor(rounds / 2)] ?? Number.NaN, maxMs: gaps.at(-1) ?? Number.NaN };
}

async function round(stage: HandOverStage, end: (leader: TidemarkNode) => Promise<void>): Promise<number> {
  const { pipeline, journal, writer, source, random } = stage;
  const leader = await pipeline.leader();
  await until(async () => (await candidates(source)) === NODES, {
    describe: 'all nodes to campaign',
    timeoutMs: 30_000,
  });
  const before = await journal.last();
  await writer.goOn(random.below(PAUSE_SPREAD_MS));
  const signalledAt = Date.now();
  const ended = end(leader);
  const revision = await writer.next();
  const first = await until(
    async () => (await journal.read(before.sequence + 1)).find(isOfNextTerm(before, revision)),
    {
      timeoutMs: ROUND_LIMIT_MS,
      describe: `revision ${revision} in the journal of the next leader`,
    },
  );
  await ended;
  await leader.start();
  return first.storedAt - signalledAt;
}

function isOfNextTerm(before: RawMessage, revision: number): (message: RawMessage) => boolean {
  const number = ({ headers }: RawMessage, name: string) => Number(headers.get(`Tidemark-${name}`));
  const term = number(before, 'Term');
  return (message) =>
    message.headers.get('Tidemark-Kind') === 'batch' &&
    number(message, 'Term') > term &&
    number(message, 'Last') >= revision;
}

async function candidates(source: EtcdServer): Promise<number> {
  const keys = (await source.etcdctl(['get', CANDIDATES, '--prefix', '--keys-only'])).toString();
  return keys.split('\n').filter(Boolean).length;
}

/** Puts one key after the other, as fast as etcd takes them. */
class Writer {
  private readonly waiting: ((revision: number) => void)[] = [];
  private stopped = false;
  private puts = 0;
  private readonly running: Promise<void>;

  private constructor(private readonly connection: GatewayConnection) {
    this.running = this.run();
  }

  static async start(address: string): Promise<Writer> {
    return new Writer(await GatewayConnection.open(address));
  }

  /** The revision of the first put that is sent from now on. */
  next(): Promise<number> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Resolves after so many milliseconds of writing. */
  async goOn(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (performance.now() < end) await this.next();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    this.connection.close();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const asked = this.waiting.splice(0);
      const revision = await this.connection.put(`/app/${this.puts++ % 1_000}`, `put ${this.puts}`);
      for (const answer of asked) answer(revision);
    }
  }
}
