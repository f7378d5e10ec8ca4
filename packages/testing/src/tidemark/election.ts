import type { EtcdServer } from '../servers/contract.js';

/** A candidate as the coordination etcd shows it. */
export interface SeenCandidate {
  readonly node: string;
  readonly lease: bigint;
}

/** Below what the nodes of a pipeline write their keys, with the default `coordination.prefix`. */
const LEADER_PREFIX = (pipeline: string) => `/__tidemark/${pipeline}/leader/`;

/** Who stands for leader, the elected one first, read by etcdctl: none of the code under test takes part. */
export async function leaderCandidates(
  coordination: Pick<EtcdServer, 'etcdctl'>,
  pipeline = 'test',
): Promise<SeenCandidate[]> {
  const args = ['get', LEADER_PREFIX(pipeline), '--prefix', '--sort-by=CREATE', '-w', 'fields'];
  const text = (await coordination.etcdctl(args)).toString();
  const nodes = [...text.matchAll(/^"Value" : "(.*)"$/gm)].map(([, value = '']) => value);
  // In -w json a lease id, which has 64 bits, would lose its last digits.
  const leases = [...text.matchAll(/^"Lease" : (\d+)$/gm)].map(([, id = '0']) => BigInt(id));
  return nodes.map((node, index) => ({ node, lease: leases[index] ?? 0n }));
}

/** Takes a candidate's lease away at once, and all its keys with it. */
export async function revokeLease(
  coordination: Pick<EtcdServer, 'etcdctl'>,
  { lease }: Pick<SeenCandidate, 'lease'>,
): Promise<void> {
  await coordination.etcdctl(['lease', 'revoke', lease.toString(16)]);
}
