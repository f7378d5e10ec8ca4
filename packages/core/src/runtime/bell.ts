/**
 * Wakes whoever waits for something to change. It remembers nothing: who waits looks first, without an await between
 * the look and the wait, and looks again when woken.
 */
export class Bell {
  private readonly waiting = new Set<() => void>();

  /** Whether anybody waits. */
  get awaited(): boolean {
    return this.waiting.size > 0;
  }

  /** Wakes all that wait now; an arrow function, so that it can be handed on as a callback. */
  readonly ring = (): void => {
    for (const wake of this.waiting) wake();
  };

  /** Resolves at the next ring, or when `signal` aborts, and leaves nothing behind on the signal. */
  wait(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }
}
