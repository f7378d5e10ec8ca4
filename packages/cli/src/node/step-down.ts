import type { Elector, Leadership } from '@tidemark/core';

/** An elector whose present leadership can be ended by request; the node campaigns again, after the other candidates. */
export class StepDownElector implements Elector {
  private ending: AbortController | null = null;

  constructor(private readonly elector: Elector) {}

  async lead(work: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    await this.elector.lead(async (leadership) => {
      const ending = new AbortController();
      this.ending = ending;
      try {
        await work({ ...scoped(leadership), signal: AbortSignal.any([leadership.signal, ending.signal]) });
      } finally {
        this.ending = null;
      }
    }, signal);
  }

  /** Returns false when there is no leadership to end. */
  stepDown(): boolean {
    if (this.ending === null) return false;
    this.ending.abort();
    return true;
  }
}

function scoped(leadership: Leadership): Leadership {
  return {
    token: leadership.token,
    signal: leadership.signal,
    assertHeld: () => leadership.assertHeld(),
    prove: () => leadership.prove(),
  };
}
