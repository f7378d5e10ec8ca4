import { describeError, type Logger, type SharedFacts, sleep } from '@tidemark/core';
import * as z from 'zod';

/** Milliseconds between two looks: so late a pause or an approval is noticed. One read for all destinations of a node. */
const LOOK_EVERY_MS = 500;

/** Somebody stopped a destination. */
const pauseSchema = z.object({
  /** `user@host`. */
  by: z.string(),
  /** RFC 3339. */
  at: z.string(),
});
export type Pause = z.output<typeof pauseSchema>;

/** Somebody asked for a destination to be compared with a new snapshot. */
const resyncSchema = z.object({ id: z.string(), by: z.string(), at: z.string() });
export type ResyncOrder = z.output<typeof resyncSchema>;

const approvalSchema = z.object({ id: z.string(), by: z.string(), at: z.string() });

const PREFIX = 'destinations/';

/**
 * What people have ordered, from the coordination etcd: survives restarts and a change of owner. Looked at regularly;
 * while it cannot be reached, the last known orders stand, and what streams goes on.
 */
export class ControlBoard {
  private known: ReadonlyMap<string, string> | null = null;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly facts: SharedFacts,
    private readonly logger: Logger,
    private readonly lookEveryMs = LOOK_EVERY_MS,
  ) {}

  /** Keeps looking until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.see(await this.facts.list(PREFIX, signal));
      } catch (error) {
        if (!signal.aborted) this.logger.debug({ reason: describeError(error) }, 'orders cannot be read');
      }
      await sleep(this.lookEveryMs, signal);
    }
  }

  of(destination: string): Controls {
    return new Controls(this, `${PREFIX}${destination}/`);
  }

  /** Null when there is none, or nothing was read yet. */
  get(name: string): string | null {
    return this.known?.get(name) ?? null;
  }

  get ready(): boolean {
    return this.known !== null;
  }

  /** Resolves when something has changed, or `signal` aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        this.waiting.delete(settle);
        signal.removeEventListener('abort', settle);
        resolve();
      };
      this.waiting.add(settle);
      signal.addEventListener('abort', settle, { once: true });
    });
  }

  private see(facts: ReadonlyMap<string, string>): void {
    const { known } = this;
    this.known = facts;
    const same = known?.size === facts.size && [...facts].every(([name, fact]) => known.get(name) === fact);
    if (!same) for (const settle of [...this.waiting]) settle();
  }
}

/** The orders for one destination. */
export class Controls {
  constructor(
    private readonly board: ControlBoard,
    private readonly prefix: string,
  ) {}

  get pause(): Pause | null {
    return this.read('pause', pauseSchema);
  }

  get resync(): ResyncOrder | null {
    return this.read('resync', resyncSchema);
  }

  approves(hold: string): boolean {
    return this.read('approval', approvalSchema)?.id === hold;
  }

  /** Waits for the first look: a destination that is paused must not be written to before it is known. */
  async ready(signal: AbortSignal): Promise<void> {
    while (!this.board.ready && !signal.aborted) await this.board.changed(signal);
  }

  async changed(signal: AbortSignal): Promise<void> {
    await this.board.changed(signal);
  }

  private read<T>(name: string, schema: z.ZodType<T>): T | null {
    const text = this.board.get(this.prefix + name);
    if (text === null) return null;
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      // Not ours, whatever it is.
      return null;
    }
  }
}
