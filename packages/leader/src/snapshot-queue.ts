import { Bell, type SnapshotRef, TidemarkError } from '@tidemark/core';

/** Snapshots are taken by the leader, and this node does not lead. */
export class NotLeadingError extends TidemarkError {
  readonly code = 'NOT_LEADING';
}

interface Request {
  readonly resolve: (snapshot: SnapshotRef) => void;
  readonly reject: (error: unknown) => void;
}

/** Snapshots that are ordered on this node. The keeper takes them while the node leads; one snapshot answers all orders that wait. */
export class SnapshotQueue {
  private open = false;
  private requests: Request[] = [];
  private readonly bell = new Bell();

  /** Orders a snapshot. Resolves when it is announced in the journal. @throws NotLeadingError */
  async order(): Promise<SnapshotRef> {
    if (!this.open) throw notLeading();
    return await new Promise((resolve, reject) => {
      this.requests.push({ resolve, reject });
      this.bell.ring();
    });
  }

  /** Takes orders from now on; the returned function ends that and refuses the orders that still wait. */
  serve(): () => void {
    this.open = true;
    return () => {
      this.open = false;
      this.answer(({ reject }) => reject(notLeading()));
    };
  }

  get ordered(): boolean {
    return this.requests.length > 0;
  }

  /** Resolves when something is ordered, or `signal` aborts. */
  async whenOrdered(signal: AbortSignal): Promise<void> {
    if (!this.ordered) await this.bell.wait(signal);
  }

  deliver(snapshot: SnapshotRef): void {
    this.answer(({ resolve }) => resolve(snapshot));
  }

  refuse(error: unknown): void {
    this.answer(({ reject }) => reject(error));
  }

  private answer(how: (request: Request) => void): void {
    for (const request of this.requests.splice(0)) how(request);
  }
}

function notLeading(): NotLeadingError {
  return new NotLeadingError({ message: 'This node does not lead.', remedy: 'Ask the leader: see `tidemark status`.' });
}
