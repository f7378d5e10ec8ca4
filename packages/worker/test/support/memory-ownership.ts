import { type Claim, LeadershipLostError, type Ownership, type OwnershipView, UnavailableError } from '@tidemark/core';

/** A coordination etcd in memory: nodes come and go, owners are keys that go with them. */
export class MemoryCoordination {
  /** Nobody is answered while true. */
  away = false;
  /** Owners as they changed, `destination:node` or `destination:-`. */
  readonly history: string[] = [];
  private revision = 1;
  private registrations = 0;
  private readonly nodes = new Map<string, string>();
  private readonly owners = new Map<string, { node: string; token: number; lost: AbortController }>();
  private readonly wakers = new Set<() => void>();

  get view(): OwnershipView {
    return {
      revision: this.revision,
      nodes: [...this.nodes].map(([id, registration]) => ({ id, roles: ['worker'], registration })),
      owners: new Map([...this.owners].map(([name, { node, token }]) => [name, { node, token }])),
    };
  }

  ownerOf(destination: string): string | null {
    return this.owners.get(destination)?.node ?? null;
  }

  /** A node registers, or registers anew. */
  join(node: string): void {
    this.nodes.set(node, String(++this.registrations));
    this.changed();
  }

  /** The node's lease ends: all its keys go at once. */
  expire(node: string): void {
    this.nodes.delete(node);
    for (const [destination, owner] of this.owners) {
      if (owner.node === node) this.remove(destination);
    }
    this.changed();
  }

  /** An operator deletes an owner's key. */
  deleteOwner(destination: string): void {
    this.owners.delete(destination);
    this.history.push(`${destination}:-`);
    this.changed();
  }

  as(node: string): Ownership {
    return { follow: (signal) => this.follow(signal), claim: async (name) => this.claim(name, node) };
  }

  private async *follow(signal: AbortSignal): AsyncGenerator<OwnershipView> {
    let seen = 0;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    while (!signal.aborted) {
      if (this.revision > seen && !this.away) {
        const { view } = this;
        seen = view.revision;
        yield view;
        continue;
      }
      await new Promise<void>((resolve) => this.wakers.add(resolve));
    }
  }

  private claim(destination: string, node: string): Claim | null {
    if (this.away) throw new UnavailableError({ message: 'away', remedy: 'wait' });
    if (this.owners.has(destination)) return null;
    this.changed();
    const owner = { node, token: this.revision, lost: new AbortController() };
    this.owners.set(destination, owner);
    this.history.push(`${destination}:${node}`);
    const isOurs = () => this.owners.get(destination) === owner;
    const lose = () => owner.lost.abort(new LeadershipLostError({ message: 'lost', remedy: 'none' }));
    return {
      ...{ token: owner.token, signal: owner.lost.signal, lose },
      assertHeld: () => owner.lost.signal.throwIfAborted(),
      prove: async () => {
        if (this.away) throw new UnavailableError({ message: 'away', remedy: 'wait' });
      },
      release: async () => {
        if (this.away) return false;
        if (isOurs()) this.remove(destination);
        this.changed();
        return true;
      },
    };
  }

  private remove(destination: string): void {
    const owner = this.owners.get(destination);
    this.owners.delete(destination);
    this.history.push(`${destination}:-`);
    owner?.lost.abort(new LeadershipLostError({ message: 'expired', remedy: 'none' }));
  }

  private changed(): void {
    this.revision++;
    this.wake();
  }

  private wake(): void {
    const wakers = [...this.wakers];
    this.wakers.clear();
    for (const wake of wakers) wake();
  }
}
