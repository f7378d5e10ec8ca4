import { type Claim, LeadershipLostError, type Ownership, type OwnershipView, UnavailableError } from '@tidemark/core';

interface KnownOwner {
  readonly node: string;
  readonly token: number;
  readonly lost: AbortController;
}

/** A coordination etcd in memory: nodes come and go, owners are keys that go with them. */
export class MemoryCoordination {
  /** Nobody is answered while true. */
  away = false;
  /** Owners as they changed, `destination:node` or `destination:-`. */
  readonly history: string[] = [];
  private revision = 1;
  private setBacks = 0;
  private changes = 0;
  private registrations = 0;
  private nodes = new Map<string, string>();
  private owners = new Map<string, KnownOwner>();
  private readonly wakers = new Set<() => void>();

  get view(): OwnershipView {
    return {
      ...{ revision: this.revision, history: this.setBacks },
      nodes: [...this.nodes].map(([id, registration]) => ({ id, roles: ['worker'], registration })),
      owners: new Map([...this.owners].map(([name, { node, token }]) => [name, { node, token }])),
    };
  }

  ownerOf(destination: string): string | null {
    return this.owners.get(destination)?.node ?? null;
  }

  /** A node registers, or registers again. */
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

  /** A backup of now; the returned function sets everything back to it. Leases, as in etcd, go on. */
  backup(): () => void {
    const { revision, nodes, owners } = this;
    const saved = { nodes: new Map(nodes), owners: new Map(owners) };
    return () => {
      [this.nodes, this.owners] = [saved.nodes, saved.owners];
      this.revision = revision - 1;
      this.setBacks++;
      this.changed();
    };
  }

  as(node: string): Ownership {
    return { follow: (signal) => this.follow(signal), claim: async (name) => this.claim(name, node) };
  }

  private async *follow(signal: AbortSignal): AsyncGenerator<OwnershipView> {
    let seen = 0;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    while (!signal.aborted) {
      if (this.changes >= seen && !this.away) {
        seen = this.changes + 1;
        yield this.view;
        continue;
      }
      await new Promise<void>((resolve) => this.wakers.add(resolve));
    }
  }

  private claim(destination: string, node: string): Claim | null {
    if (this.away) throw new UnavailableError({ message: 'away', remedy: 'wait' });
    const found = this.owners.get(destination);
    // One of the same node, under the lease that it still has, is its own.
    if (found !== undefined && found.node !== node) return null;
    this.changed();
    const owner = { node, token: found?.token ?? this.revision, lost: new AbortController() };
    this.owners.set(destination, owner);
    this.history.push(`${destination}:${node}`);
    const isOurs = () => this.owners.get(destination) === owner;
    const lose = () => owner.lost.abort(new LeadershipLostError({ message: 'lost', remedy: 'none' }));
    return {
      ...{ token: owner.token, signal: owner.lost.signal, lose },
      assertHeld: () => owner.lost.signal.throwIfAborted(),
      prove: async () => {
        if (this.away) throw new UnavailableError({ message: 'away', remedy: 'wait' });
        if (!isOurs()) lose();
        owner.lost.signal.throwIfAborted();
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
    this.changes++;
    this.wake();
  }

  private wake(): void {
    const wakers = [...this.wakers];
    this.wakers.clear();
    for (const wake of wakers) wake();
  }
}
