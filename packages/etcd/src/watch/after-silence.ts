import { WatchSilentError } from './liveness.js';

/**
 * Decides whether the next watcher asks for fragments: it does, except directly after a silence. To cut a response, etcd
 * adds up all sizes of a fragment again for each event. For a revision of 100,000 deletes that took 19 s without any
 * response; the whole revision was sent in 0.3 s. A watcher that always asks for fragments never gets past such a revision.
 */
export class AfterSilence {
  /** The last watcher fell silent. */
  private silent = false;

  async *watch<T>(open: (fragment: boolean) => AsyncIterable<T>): AsyncGenerator<T> {
    const fragment = !this.silent;
    this.silent = false;
    try {
      yield* open(fragment);
    } catch (error) {
      this.silent = error instanceof WatchSilentError;
      throw error;
    }
  }
}
