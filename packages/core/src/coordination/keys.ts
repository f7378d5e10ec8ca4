import * as z from 'zod';
import { parseJson } from '../model/parse-json.js';

/** A key that lives under a node's lease. The texts are what docs/coordination.md says of it. */
export interface LeasedKey {
  /** Path below the pipeline's prefix. A name in braces is a parameter. */
  readonly name: string;
  readonly says: string;
  readonly writer: string;
  readonly lifetime: string;
}

export const LEASED_KEYS: readonly LeasedKey[] = [
  {
    name: 'leader/{lease}',
    says: 'A candidate for leader: the id of its node. The one with the smallest create revision leads, and that revision is its fencing token.',
    writer: 'each node with the role `leader`',
    lifetime: "The node's lease. When it is deleted, the node campaigns again, after the others.",
  },
  {
    name: 'nodes/{node}',
    says: 'A node that is up: `{"id", "listen", "roles", "version"}`.',
    writer: 'each node',
    lifetime: "The node's lease. When it is deleted, the node writes it again.",
  },
  {
    name: 'owners/{destination}',
    says: 'Who owns the destination: the id of the node. The create revision is the token of its ownership.',
    writer: 'the node that claims it',
    lifetime: "The owner's lease. When it is deleted, the owner stops and the destination is claimed again.",
  },
];

/** Where the keys of one pipeline are. */
export interface CoordinationPrefixes {
  /** Of all its keys. */
  readonly pipeline: string;
  /** Facts, which have no lease. Never inside an election's prefix: every key there is a candidate. */
  readonly facts: string;
  readonly leader: string;
  readonly nodes: string;
  readonly owners: string;
}

/** @param prefix `coordination.prefix` of the configuration, which ends with "/" */
export function coordinationPrefixes(prefix: string, pipeline: string): CoordinationPrefixes {
  const own = `${prefix}${pipeline}/`;
  return {
    pipeline: own,
    facts: `${own}facts/`,
    leader: `${own}leader/`,
    nodes: `${own}nodes/`,
    owners: `${own}owners/`,
  };
}

const nodeSchema = z.object({
  id: z.string(),
  /** HOST:PORT of its admin address. */
  listen: z.string(),
  roles: z.array(z.string()),
  version: z.string(),
});

/** A node as the others see it. */
export type NodeInfo = Readonly<z.output<typeof nodeSchema>>;

/** Null for a value that no version of Tidemark wrote: a foreign key must not hide the other nodes. */
export function parseNode(value: Buffer): NodeInfo | null {
  return parseJson(nodeSchema, value.toString('utf8'));
}
