import { aborted, type Elector, type Leadership, LeadershipLostError } from '@tidemark/core';

/** Elects when the test says so. */
export class ScriptedElector implements Elector {
  private readonly ballots: ScriptedLeadership[] = [];
  private wake: (() => void) | null = null;

  /** The next leadership begins as soon as this node campaigns. */
  elect(token: number): ScriptedLeadership {
    const leadership = new ScriptedLeadership(token);
    this.ballots.push(leadership);
    this.wake?.();
    return leadership;
  }

  async lead(work: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const elected = this.ballots.shift();
      if (elected === undefined) {
        await Promise.race([aborted(signal), new Promise<void>((resolve) => (this.wake = resolve))]);
        continue;
      }
      const stop = () => elected.end();
      signal.addEventListener('abort', stop, { once: true });
      await work(elected).finally(elected.finished);
      signal.removeEventListener('abort', stop);
    }
  }
}

/** One leadership under the test's control. */
export class ScriptedLeadership implements Leadership {
  /** Resolves when the work inside it has drained. */
  readonly drained: Promise<void>;
  finished: () => void = () => undefined;
  /** How often it was proved, or tried to. */
  proofs = 0;
  private readonly controller = new AbortController();
  private held = true;
  private keyIsOurs = true;

  constructor(readonly token: number) {
    this.drained = new Promise((resolve) => {
      this.finished = resolve;
    });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The lease ran out, and this node noticed. */
  end(): void {
    this.held = false;
    this.keyIsOurs = false;
    this.controller.abort();
  }

  /** The lease ran out by this node's own clock; it has not noticed yet. */
  expire(): void {
    this.held = false;
  }

  /** Another node was elected, and this one, paused or cut off, does not know. */
  replaceUnnoticed(): void {
    this.keyIsOurs = false;
  }

  assertHeld(): void {
    if (!this.held) throw lost();
  }

  async prove(): Promise<void> {
    this.proofs++;
    if (!this.keyIsOurs) throw lost();
  }
}

function lost(): LeadershipLostError {
  return new LeadershipLostError({ message: 'Leadership is over.', remedy: 'None needed: a test asked for this.' });
}
