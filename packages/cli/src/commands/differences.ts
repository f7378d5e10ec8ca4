import { formatJsonBytes, type KeyDifference } from '@tidemark/api';

type Kind = KeyDifference['kind'];

/** One line for each key, and how many more there are. */
export function listKeys(keys: readonly KeyDifference[], total: number, verb: (kind: Kind) => string): string[] {
  const width = Math.max(0, ...keys.map(({ kind }) => verb(kind).length));
  const listed = keys.map(({ kind, key }) => `  ${verb(kind).padEnd(width)}  ${formatJsonBytes(key)}`);
  return total > listed.length ? [...listed, `  and ${total - listed.length} more`] : listed;
}
