import type { JournalHead } from '@tidemark/core';

/**
 * The term under which a leader appends: its fencing token, or one more than the journal's last term where that is
 * larger. The token is a revision of the coordination etcd. A restore of that cluster sets the revision back, and the
 * journal's terms must still grow. Taking the larger one is safe: the caller has just proved by a transaction that it
 * holds the election key, and the term record is appended by compare-and-set.
 */
export function termFor(token: number, head: JournalHead): number {
  const last = head.last?.term ?? 0;
  return token > last ? token : last + 1;
}
