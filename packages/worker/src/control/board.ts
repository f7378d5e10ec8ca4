import {
  APPROVAL,
  Bell,
  DESTINATION_FACTS,
  describeError,
  type FactKind,
  factName,
  HOLD,
  type Logger,
  PAUSE,
  type Pause,
  parseJson,
  QUIESCED,
  RESYNC_ORDER,
  type ResyncOrder,
  Scope,
  type SharedFacts,
  sleep,
} from '@tidemark/core';

/** Milliseconds between two looks: so late a pause or an approval is noticed. One read for all destinations of a node. */
const LOOK_EVERY_MS = 500;

/**
 * What people have ordered, from the coordination etcd: survives restarts and a change of owner. Looked at regularly.
 * While it cannot be reached, the last known orders hold, and what streams goes on only as long as the lease lasts under
 * which the destination is owned.
 */
export class ControlBoard {
  private known: ReadonlyMap<string, string> | null = null;
  private readonly change = new Bell();
  /** Looks that have begun, and the number of the last one that was answered. */
  private looks = 0;
  private answered = 0;
  private readonly fresh = new Bell();
  private wake: () => void = () => undefined;

  constructor(
    private readonly facts: SharedFacts,
    private readonly logger: Logger,
    private readonly lookEveryMs = LOOK_EVERY_MS,
  ) {}

  /** Keeps looking until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const look = ++this.looks;
        const facts = await this.facts.list(DESTINATION_FACTS, signal);
        this.answered = look;
        this.see(facts);
        this.fresh.ring();
      } catch (error) {
        if (!signal.aborted) this.logger.debug({ reason: describeError(error) }, 'orders cannot be read');
      }
      await this.untilNextLook(signal);
    }
  }

  /**
   * Resolves when the orders are known as they were now or later, or `signal` aborts. What was looked at earlier may be
   * older than a pause that another node has already reported to be in force.
   */
  async lookedAtSince(signal: AbortSignal): Promise<void> {
    const now = this.looks;
    while (this.answered <= now && !signal.aborted) {
      // Again when woken: the look in progress was older than the question.
      this.wake();
      await this.fresh.wait(signal);
    }
  }

  private async untilNextLook(signal: AbortSignal): Promise<void> {
    const scope = new Scope(signal);
    this.wake = () => scope.end();
    await sleep(this.lookEveryMs, scope.signal);
    scope.end();
  }

  of(destination: string): Controls {
    return new Controls(this, destination);
  }

  /** Null when there is none, or nothing was read yet. */
  get(name: string): string | null {
    return this.known?.get(name) ?? null;
  }

  /** Resolves when something has changed, or `signal` aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    await this.change.wait(signal);
  }

  private see(facts: ReadonlyMap<string, string>): void {
    const { known } = this;
    this.known = facts;
    const same = known?.size === facts.size && [...facts].every(([name, fact]) => known.get(name) === fact);
    if (!same) this.change.ring();
  }
}

/** The orders for one destination. */
export class Controls {
  constructor(
    private readonly board: ControlBoard,
    private readonly destination: string,
  ) {}

  get pause(): Pause | null {
    return this.read(PAUSE);
  }

  /** Whether the pause that is ordered is in force: no transaction has been in flight to the destination since. */
  get isQuiesced(): boolean {
    const [pause, quiesced] = [this.pause, this.read(QUIESCED)];
    return pause !== null && pause.at === quiesced?.at && pause.by === quiesced.by;
  }

  get resync(): ResyncOrder | null {
    return this.read(RESYNC_ORDER);
  }

  /** Id of the hold that somebody approved last; null when nobody did. */
  get approved(): string | null {
    return this.read(APPROVAL)?.id ?? null;
  }

  /** Whether a hold is noted, so that people can approve it. */
  shows(hold: string): boolean {
    return this.read(HOLD)?.id === hold;
  }

  /** Waits for a look of now: a destination that is paused must not be written to before that is known. */
  async ready(signal: AbortSignal): Promise<void> {
    await this.board.lookedAtSince(signal);
  }

  async changed(signal: AbortSignal): Promise<void> {
    await this.board.changed(signal);
  }

  private read<T>(kind: FactKind<T>): T | null {
    return parseJson(kind.schema, this.board.get(factName(kind, this.destination)));
  }
}
