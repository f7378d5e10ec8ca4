import { TidemarkError } from '@tidemark/core';

/** What was asked for can only be done while the destination is streaming. */
export class NotStreamingError extends TidemarkError {
  readonly code = 'NOT_STREAMING';
}

interface Errand<Task, Result> {
  readonly task: Task;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Work that is done between two transactions, while nothing else moves the destination. */
export class Errands<Task, Result> {
  private waiting: Errand<Task, Result>[] = [];
  private closed: { readonly error: unknown } | null = null;

  /** `interrupt` makes the worker come for the errands. */
  constructor(private readonly interrupt: () => void) {}

  async order(task: Task): Promise<Result> {
    if (this.closed !== null) throw this.closed.error;
    return await new Promise((resolve, reject) => {
      this.waiting.push({ task, resolve, reject });
      this.interrupt();
    });
  }

  /** Carries out what waits, one after the other. A failure is the one's who ordered. */
  async carryOut(how: (task: Task) => Promise<Result>): Promise<void> {
    for (let errand = this.waiting.shift(); errand !== undefined; errand = this.waiting.shift()) {
      const { task, resolve, reject } = errand;
      await how(task).then(resolve, reject);
    }
  }

  /** Refuses what waits. */
  refuse(error: unknown): void {
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  /** Refuses also what is ordered from now on: nobody comes for it any more, and who ordered would wait for ever. */
  close(error: unknown): void {
    this.closed = { error };
    this.refuse(error);
  }
}
