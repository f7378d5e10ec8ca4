import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  Backoff,
  type DestinationReader,
  describeError,
  type Logger,
  LoopError,
  type Origin,
  type OriginKeeper,
  prefixRange,
  TidemarkError,
} from '@tidemark/core';
import { findLoop, type Link, type Loop } from './find-loop.js';
import { type FoundOrigin, type OriginSource, SourceSilentError } from './origin-source.js';

/** Milliseconds between two attempts to ask a source that could not be asked. */
const RECHECK = { initialMs: 1_000, maxMs: 10_000 };
/** Stands for the destination's cluster when its id is also the source's, and it is another one. */
const AT_DESTINATION = 'the destination';

export interface LoopGuardOptions {
  /** What is said of this destination; cluster id and mark are added. */
  readonly about: Pick<Origin, 'pipeline' | 'destination' | 'routes' | 'campaign'>;
  readonly keeper: OriginKeeper;
  readonly destination: Pick<DestinationReader, 'count'>;
  readonly source: OriginSource;
  readonly logger: Logger;
}

/**
 * Keeps a destination from feeding its own source, directly or through other pipelines. Each destination has an origin key that says
 * where its content comes from. Whoever starts reads the origins in its source, writes its own, and reads
 * again: of two that start at the same time at least one sees the other.
 */
export class LoopGuard {
  /** Whether the source has been asked, `missed` when it could not be. Nothing can go round while it is away. */
  private outcome: 'none' | 'missed' | 'done' = 'none';

  constructor(private readonly options: LoopGuardOptions) {}

  /**
   * Looks whether what is written would come back. A source that does not answer is asked later: see `watch`.
   * @throws LoopError when it would; our own origin is then removed, so that nobody else is stopped because of it
   * @throws TidemarkError of the destination
   */
  async check(signal: AbortSignal): Promise<void> {
    const { keeper, logger } = this.options;
    try {
      await this.compare(signal);
      this.outcome = 'done';
    } catch (error) {
      if (error instanceof LoopError) await keeper.write(null, signal);
      if (!(error instanceof SourceSilentError)) throw error;
      if (this.outcome === 'none') this.outcome = 'missed';
      logger.debug({ reason: describeError(error.cause) }, 'loops cannot be looked for now');
    }
  }

  /** Calls `onAnswer` once a source that could not be asked answers: then check again. Ends when that was done. */
  async watch(onAnswer: () => void, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(RECHECK);
    while (!signal.aborted && this.outcome !== 'done') {
      await backoff.wait(signal);
      if (this.outcome === 'missed' && (await this.options.source.answers(signal))) onAnswer();
    }
  }

  private async compare(signal: AbortSignal): Promise<void> {
    const { about, keeper, source } = this.options;
    const cluster = await keeper.clusterId(signal);
    const stored = await keeper.read(signal);
    const sourceCluster = await source.clusterId(signal);
    // Equal ids prove nothing: clusters that were all started with a package's defaults share one.
    const doubtful = cluster === sourceCluster;
    const mark = doubtful || stored === null ? randomUUID() : stored.mark;
    const origin: Origin = { ...about, source: sourceCluster, mark };
    const apart = { origin, writesTo: doubtful ? AT_DESTINATION : cluster };
    await this.refuse(apart, await source.origins(signal), signal);
    if (isDeepStrictEqual(stored, origin)) return;
    await keeper.write(origin, signal);
    const found = await source.origins(signal);
    // What was just written there is read here: both addresses lead to one cluster.
    const same = found.some((other) => other.origin.mark === mark);
    await this.refuse(same ? { origin, writesTo: sourceCluster } : apart, found, signal);
  }

  private async refuse(ours: Link, found: readonly FoundOrigin[], signal: AbortSignal): Promise<void> {
    const { about } = this.options;
    const others: FoundOrigin[] = [];
    for (const other of found) {
      // A backup of the destination brings our own origin to the source, too.
      const { pipeline, destination } = other.origin;
      if (pipeline !== about.pipeline || destination !== about.destination) {
        others.push(ours.writesTo === AT_DESTINATION ? await this.resolveDoubt(other, signal) : other);
      }
    }
    const loop = findLoop(ours, others);
    if (loop !== null) throw loopError(loop, found);
  }

  /**
   * Another's source has the id that our destination has, and our source as well. When it coordinates in its source, its
   * keys are there while it runs. Otherwise the id is believed: better one copy too few than one that never ends.
   */
  private async resolveDoubt(other: FoundOrigin, signal: AbortSignal): Promise<FoundOrigin> {
    const { origin, writesTo } = other;
    if (origin.source !== writesTo) return other;
    const reads = origin.campaign === null || (await this.mayRunAtDestination(origin.campaign, signal));
    return reads ? { ...other, origin: { ...origin, source: AT_DESTINATION } } : other;
  }

  private async mayRunAtDestination(campaign: string, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.options.destination.count(prefixRange(Buffer.from(campaign)), signal)) > 0;
    } catch (error) {
      // Without the right to look, it may be running.
      if (error instanceof TidemarkError && error.permanent) return true;
      throw error;
    }
  }
}

function loopError({ reads, writes, through }: Loop, found: readonly FoundOrigin[]): LoopError {
  const [other] = through;
  const what = `What this destination writes to "${writes.prefix}" comes back to "${reads.prefix}", which it reads`;
  if (other === undefined) {
    return new LoopError({
      message: `${what}: source and destination are one cluster, whatever their endpoints are called.`,
      remedy: 'Correct the endpoints, or give the route a rewrite that no route reads.',
    });
  }
  const key = found.find(
    ({ origin }) => origin.pipeline === other.pipeline && origin.destination === other.destination,
  );
  const names = through.map(({ pipeline, destination }) => `${destination} of pipeline ${pipeline}`).join(', then ');
  const routes = other.routes.map((route) => `"${route.reads.prefix}" to "${route.writes.prefix}"`).join(', ');
  return new LoopError({
    message: `${what}, by destination ${names} (${routes}).`,
    remedy: `Keep one direction: remove the other, or let their prefixes not overlap. If ${names} is gone for good: \`etcdctl del ${key?.key ?? ''}\` at the source. Nothing is written until then.`,
  });
}
