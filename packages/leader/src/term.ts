import type { JournalHead } from '@tidemark/core';

/**
 * The term under which a leader appends: its fencing token, or one more than the journal's last term where that is
 * larger. The token is a revision of the coordination etcd, and that cluster can be restored from a backup and count
 * again from an earlier revision; the journal's terms must not go back with it. Taking the larger one is safe because
 * the caller has just proved by a transaction that it holds the election key, and the term record itself is appended
 * by compare.
 */
export function termFor(token: number, head: JournalHead): number {
  const last = head.last?.term ?? 0;
  return token > last ? token : last + 1;
}
