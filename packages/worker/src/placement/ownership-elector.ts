import {
  Backoff,
  type Claim,
  type Clock,
  describeError,
  type Elector,
  type Leadership,
  type Logger,
  type Ownership,
  type OwnershipView,
  Scope,
  TidemarkError,
} from '@tidemark/core';
import { nextStep, type Patience, type Step } from './next-step.js';
import type { Placement } from './placement.js';

export interface OwnershipElectorOptions {
  readonly destination: string;
  /** This node. */
  readonly node: string;
  readonly placement: Pick<Placement, 'view' | 'workers' | 'changed'>;
  readonly ownership: Ownership;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** After a claim that found the destination taken, it is tried again so soon, unless the view changes before. */
const TAKEN_PAUSE_MS = 5_000;
/** A coordination etcd that could not be asked before a hand-over is asked again after this time. */
const UNPROVEN_PAUSE_MS = 2_000;

/** One destination, seen from one node: waits for the node's turn, claims, and hands over to a better node. */
export class OwnershipElector implements Elector {
  private ownerlessSince: number | null = null;
  private heldSince: number | null = null;
  private leftToUs = 0;
  /** The claim that we gave up: until its end is seen, the view still names us. Another history may bring it back. */
  private released: { readonly token: number; readonly history: number } | null = null;

  /** The history of which our claim is known to be. */
  private provenIn = 0;

  constructor(private readonly options: OwnershipElectorOptions) {}

  async lead(work: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ initialMs: 100, maxMs: 5_000 });
    while (!signal.aborted) {
      try {
        await this.once(work, signal);
        backoff.reset();
      } catch (error) {
        if (!signal.aborted) this.options.logger.warn({ reason: describeError(error) }, 'claim or ownership ended');
        await backoff.wait(signal);
      }
    }
  }

  /** From waiting for our turn to the end of ownership. */
  private async once(work: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { ownership, placement, destination, logger } = this.options;
    const turn = await this.turn(signal);
    if (turn === null) return;
    const { view } = placement;
    const claim = await ownership.claim(destination, signal);
    if (claim === null) return await placement.changed(view, TAKEN_PAUSE_MS, signal);
    this.leftToUs = turn.outOfTurn ? this.leftToUs + 1 : 0;
    logger.info({ why: turn.why, token: claim.token }, 'claimed');
    await this.serve(claim, work, signal);
  }

  /** Waits until it is our turn to claim; null when aborted. */
  private async turn(signal: AbortSignal): Promise<(Step & { kind: 'claim' }) | null> {
    const { placement } = this.options;
    while (!signal.aborted) {
      const { view } = placement;
      const step = this.step();
      if (step.kind === 'claim') return step;
      await placement.changed(view, step.kind === 'wait' ? step.ms : null, signal);
    }
    return null;
  }

  private async serve(
    claim: Claim,
    work: (leadership: Leadership) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    this.heldSince = this.options.clock.monotonic();
    const ending = new AbortController();
    const guarding = this.guard(claim, ending);
    // The claim is held while the work drains.
    const scope = new Scope(claim.signal, ending.signal, signal);
    try {
      await work({
        token: claim.token,
        signal: scope.signal,
        assertHeld: () => claim.assertHeld(),
        prove: () => claim.prove(),
      });
    } finally {
      ending.abort();
      scope.end();
      await guarding;
      const { history = 0 } = this.options.placement.view ?? {};
      if (await claim.release()) this.released = { token: claim.token, history };
      this.heldSince = null;
      this.ownerlessSince = null;
    }
  }

  /** Ends ownership when a better node is there, or when the key is seen to be gone. */
  private async guard(claim: Claim, ending: AbortController): Promise<void> {
    const { placement, logger } = this.options;
    this.provenIn = placement.view?.history ?? 0;
    while (!ending.signal.aborted && !claim.signal.aborted) {
      const { view } = placement;
      if (view !== null) await this.compare(claim, view);
      if (claim.signal.aborted) return;
      const step = this.step();
      if (step.kind === 'hand over' && (await this.coordinationAnswers(claim))) {
        logger.info({ to: step.to, why: step.why }, 'handing over');
        ending.abort();
        return;
      }
      await placement.changed(view, step.kind === 'wait' ? step.ms : UNPROVEN_PAUSE_MS, ending.signal);
    }
  }

  /** Ends a claim that a view shows to be gone. */
  private async compare(claim: Claim, view: OwnershipView): Promise<void> {
    if (this.isShown(claim, view)) return;
    // A view from before the claim proves nothing.
    if (view.revision >= claim.token) return claim.lose('its key is gone');
    // The claim may be of the history before, or newer than the view: asking shows which.
    if (view.history !== this.provenIn && (await this.coordinationAnswers(claim))) this.provenIn = view.history;
  }

  private isShown({ token }: Claim, { owners }: OwnershipView): boolean {
    const owner = owners.get(this.options.destination);
    return owner?.token === token && owner.node === this.options.node;
  }

  /** Nobody could take over while the coordination etcd is away: an owner keeps what it has as long as its lease. */
  private async coordinationAnswers(claim: Claim): Promise<boolean> {
    try {
      await claim.prove();
      return true;
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      return false;
    }
  }

  /** Whether the view names us for what we gave up. Once it does not, being named is news. */
  private showsReleased({ owners, history, revision }: OwnershipView): boolean {
    const { released } = this;
    const { destination, node } = this.options;
    if (released === null || history !== released.history) return false;
    const owner = owners.get(destination);
    if (owner?.node === node && owner.token === released.token) return true;
    // A view from before that claim does not show its end.
    if (revision >= released.token) this.released = null;
    return false;
  }

  private step(): Step {
    const { destination, node, placement, patience, clock } = this.options;
    const { view } = placement;
    if (view === null) return { kind: 'wait', ms: null };
    const now = clock.monotonic();
    const owner = view.owners.get(destination);
    if (this.showsReleased(view)) return { kind: 'wait', ms: null };
    this.ownerlessSince = owner === undefined ? (this.ownerlessSince ?? now) : null;
    // Somebody else took it: those before us do work.
    if (owner !== undefined && owner.node !== node) this.leftToUs = 0;
    const situation = {
      destination,
      self: node,
      nodes: placement.workers,
      owner: owner?.node ?? null,
      ownerlessForMs: now - (this.ownerlessSince ?? now),
      held: this.heldSince === null ? null : { forMs: now - this.heldSince },
      leftToUs: this.leftToUs,
    };
    return nextStep(situation, patience);
  }
}
