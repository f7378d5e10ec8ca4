import { aborted } from '@tidemark/core';

/** Calls of a fake that wait until the test releases them. */
export class Stall {
  /** Calls that waited, or still do. */
  calls = 0;
  private readonly gate = new AbortController();

  /** Awaited by the fake in each call that is stalled. */
  async pass(): Promise<void> {
    this.calls++;
    await aborted(this.gate.signal);
  }

  /** Lets go what waits, and all later calls. */
  release(): void {
    this.gate.abort();
  }
}
