/**
 * Wakes everybody who waits for a change, like a condition variable. A ring is not remembered: check the condition first,
 * call `wait` without an await in between, and check again when woken.
 */
export class Bell {
  private readonly waiting = new Set<() => void>();

  /** Whether anybody waits. */
  get awaited(): boolean {
    return this.waiting.size > 0;
  }

  /** Wakes all that wait now. An arrow function, so that it can be passed as a callback. */
  readonly ring = (): void => {
    for (const wake of this.waiting) wake();
  };

  /** Resolves at the next ring, or when `signal` aborts, and removes its listener from the signal. */
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
