import { WatchSilentError } from './liveness.js';

/**
 * Decides whether the next watcher asks for fragments: always, except for one after a silence. etcd cuts a response into
 * fragments by adding up all of a fragment's sizes again for each event. For a revision of 100,000 deletes that took it
 * 19 s, in which it sends nothing; whole, the same is sent in 0.3 s. Who asks for fragments again and again would never
 * get past that revision.
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
