import { Bell, type SnapshotRef, TidemarkError } from '@tidemark/core';

/** Snapshots are taken by the leader, and this node does not lead. */
export class NotLeadingError extends TidemarkError {
  readonly code = 'NOT_LEADING';
}

interface Request {
  readonly resolve: (snapshot: SnapshotRef) => void;
  readonly reject: (error: unknown) => void;
}

/** Where snapshots are ordered; the keeper of the journal serves it while this node leads. Requests that meet share a snapshot. */
export class SnapshotDesk {
  private open = false;
  private requests: Request[] = [];
  private readonly bell = new Bell();

  /** Resolves when the snapshot is announced in the journal. @throws NotLeadingError */
  async order(): Promise<SnapshotRef> {
    if (!this.open) throw notLeading();
    return await new Promise((resolve, reject) => {
      this.requests.push({ resolve, reject });
      this.bell.ring();
    });
  }

  /** Opens the desk; the returned function closes it and refuses what was not served. */
  serve(): () => void {
    this.open = true;
    return () => {
      this.open = false;
      this.settle(({ reject }) => reject(notLeading()));
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
    this.settle(({ resolve }) => resolve(snapshot));
  }

  refuse(error: unknown): void {
    this.settle(({ reject }) => reject(error));
  }

  private settle(how: (request: Request) => void): void {
    for (const request of this.requests.splice(0)) how(request);
  }
}

function notLeading(): NotLeadingError {
  return new NotLeadingError({ message: 'This node does not lead.', remedy: 'Ask the leader: see `tidemark status`.' });
}
