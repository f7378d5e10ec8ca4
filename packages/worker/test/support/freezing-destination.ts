import {
  AmbiguousWriteError,
  type ApplyRequest,
  type ApplyResult,
  type Checkpoint,
  UnavailableError,
} from '@tidemark/core';
import { MemoryDestination, never } from '@tidemark/testing';

/**
 * A destination that freezes: what is sent to it waits in its socket, nobody answers, and once it wakes it carries out
 * whatever waits there, also for those who have given up long ago.
 */
export class FreezingDestination extends MemoryDestination {
  /** Writes wait, and are not answered. */
  frozen = false;
  /** Nothing is answered, reads neither. */
  deaf = false;
  /** The client does not wait for an answer that does not come at once. */
  impatient = false;
  /** The next transaction is carried out, and a copy of it waits: the client sent it twice, and was answered once. */
  echoing = false;
  readonly waiting: ApplyRequest[] = [];
  /** Ends the clients' waiting. */
  private hangUp: () => void = () => undefined;

  override async checkpoint(signal: AbortSignal): Promise<Checkpoint | null> {
    if (this.deaf) throw new UnavailableError({ message: 'It is frozen.', remedy: 'Thaw it.' });
    return await super.checkpoint(signal);
  }

  override async apply(request: ApplyRequest, signal: AbortSignal): Promise<ApplyResult> {
    if (this.frozen || this.echoing) this.waiting.push(request);
    this.echoing = false;
    if (!this.frozen) return await super.apply(request, signal);
    return await new Promise((_, reject) => {
      const silence = new AmbiguousWriteError({ message: 'No answer came.', remedy: 'None.' });
      if (this.impatient) reject(silence);
      const others = this.hangUp;
      this.hangUp = () => {
        others();
        reject(silence);
      };
      signal.addEventListener('abort', () => reject(silence), { once: true });
    });
  }

  /** Answers again, on new connections. What waits is carried out when `deliver` is called. */
  thaw(): void {
    this.frozen = false;
    this.deaf = false;
    this.hangUp();
  }

  /** Carries out what waited, in its order. */
  async deliver(): Promise<ApplyResult['outcome'][]> {
    const outcomes: ApplyResult['outcome'][] = [];
    for (const request of this.waiting.splice(0)) {
      outcomes.push((await super.apply(request, never)).outcome);
    }
    return outcomes;
  }
}
