import { InvariantError } from '@tidemark/core';

/**
 * etcd3 hands int64 out as decimal text. Revisions are numbers in Tidemark: a store that counts a million revisions a
 * second would need 285 years to leave the safe integers.
 * @throws InvariantError when the text is not a safe, non-negative integer
 */
export function toRevision(text: string): number {
  const revision = Number(text);
  if (!Number.isSafeInteger(revision) || revision < 0 || text === '') {
    throw new InvariantError(`etcd sent a revision that is not a safe integer: "${text}"`);
  }
  return revision;
}
