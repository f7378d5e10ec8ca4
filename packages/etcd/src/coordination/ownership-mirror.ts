import {
  type CoordinationPrefixes,
  type KeyValue,
  type LiveNode,
  type Owner,
  type OwnershipView,
  type Put,
  parseNode,
} from '@tidemark/core';
import type { RevisionRun } from '../wire/responses.js';

/** Nodes and owners as of a read, kept up to date by a watch from there on. */
export class OwnershipMirror {
  private readonly nodes = new Map<string, LiveNode>();
  private readonly owners = new Map<string, Owner>();
  private readonly history: number;
  private revision: number;

  constructor(
    private readonly prefixes: Pick<CoordinationPrefixes, 'nodes' | 'owners'>,
    { revision, history }: Pick<OwnershipView, 'revision' | 'history'>,
    kvs: readonly KeyValue[],
  ) {
    this.history = history;
    this.revision = revision;
    for (const kv of kvs) this.put(kv.key.toString('utf8'), kv);
  }

  get view(): OwnershipView {
    const { revision, history, nodes, owners } = this;
    return { revision, history, nodes: [...nodes.values()], owners: new Map(owners) };
  }

  apply({ revision, changes }: RevisionRun): void {
    this.revision = revision;
    for (const change of changes) {
      const key = change.key.toString('utf8');
      if (change.kind === 'put') this.put(key, change);
      else this.remove(key);
    }
  }

  private remove(key: string): void {
    if (key.startsWith(this.prefixes.owners)) this.owners.delete(key.slice(this.prefixes.owners.length));
    else this.nodes.delete(key);
  }

  private put(key: string, { value, createRevision, lease }: Pick<Put, 'value' | 'createRevision' | 'lease'>): void {
    if (key.startsWith(this.prefixes.owners)) {
      const destination = key.slice(this.prefixes.owners.length);
      this.owners.set(destination, { node: value.toString('utf8'), token: createRevision });
      return;
    }
    const node = key.startsWith(this.prefixes.nodes) ? parseNode(value) : null;
    // A node that registers under another lease was away in between.
    if (node !== null) this.nodes.set(key, { id: node.id, roles: node.roles, registration: lease.toString(16) });
    else this.nodes.delete(key);
  }
}
