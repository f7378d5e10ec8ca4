import type { DifferentKey } from './recheck.js';

/** What the listed names may have together, bytes; one key of etcd may have a good part of that alone. */
const MAX_BYTES = 256 * 1024;

/**
 * The first keys of a comparison, by number and by bytes: a plan that is held keeps them for days, and so may fifty others
 * on one node. As copies: what was read are views of pages of some MiB, which each of them would keep.
 */
export class ListedKeys {
  private readonly listed: DifferentKey[] = [];
  private bytes = 0;

  constructor(private readonly maxKeys: number) {}

  get keys(): readonly DifferentKey[] {
    return this.listed;
  }

  /** Lists one more, the first in any case. */
  add({ kind, key }: DifferentKey): void {
    const fits = this.listed.length < this.maxKeys && this.bytes + key.length <= MAX_BYTES;
    if (!fits && this.listed.length > 0) return;
    // Not out of Node's pool: that is shared with what lives shortly.
    const copy = Buffer.allocUnsafeSlow(key.length);
    key.copy(copy);
    this.listed.push({ kind, key: copy });
    this.bytes += key.length;
  }
}
