import {
  type Change,
  destinationPrefix,
  hasPrefix,
  type KeyRange,
  type KeyValue,
  NO_LEASE,
  prefixRange,
  type RouteConfig,
  rangeContains,
  rangesOverlap,
  type Write,
} from '@tidemark/core';

/** A key and value as the destination should have them. */
export type Item = Pick<KeyValue, 'key' | 'value'>;

/**
 * One route, compiled: which source keys it takes and what they are called at the destination. Everything works on
 * bytes. Because a rewrite only replaces the prefix, sorted source keys stay sorted under the destination's prefix.
 */
export class Route {
  readonly sourceRange: KeyRange;
  readonly destinationRange: KeyRange;
  private readonly prefix: Buffer;
  private readonly target: Buffer;
  private readonly excluded: readonly Buffer[];
  private readonly skipLeased: boolean;

  constructor(
    config: RouteConfig,
    /** Ranges at the destination that are never touched: where checkpoints live. */
    private readonly reserved: readonly KeyRange[],
  ) {
    this.prefix = Buffer.from(config.prefix);
    this.target = Buffer.from(destinationPrefix(config));
    this.excluded = config.exclude.map((prefix) => Buffer.from(prefix));
    this.skipLeased = config.leased === 'skip';
    this.sourceRange = prefixRange(this.prefix);
    this.destinationRange = prefixRange(this.target);
  }

  /** The destination's name of a source key, or null when this route does not take it. */
  mapKey(key: Buffer): Buffer | null {
    if (!hasPrefix(key, this.prefix)) return null;
    if (this.excluded.some((prefix) => hasPrefix(key, prefix))) return null;
    const mapped = this.prefix.equals(this.target)
      ? key
      : Buffer.concat([this.target, key.subarray(this.prefix.length)]);
    return this.isReserved(mapped) ? null : mapped;
  }

  /** The source's name of a key at the destination, or null when this route did not bring it there. */
  sourceKey(destinationKey: Buffer): Buffer | null {
    if (!this.owns(destinationKey)) return null;
    return Buffer.concat([this.prefix, destinationKey.subarray(this.target.length)]);
  }

  /** What a change of the source means at the destination. A put that gained a lease the route skips takes the key away. */
  mapChange(change: Change): Write | null {
    const key = this.mapKey(change.key);
    if (key === null) return null;
    // The change itself where it says the same: a revision may hold 100,000 of them.
    if (change.kind === 'delete' && key === change.key) return change;
    if (change.kind === 'delete' || this.skips(change.lease)) return { kind: 'delete', key };
    return { kind: 'put', key, value: change.value };
  }

  /** What a key of a snapshot should be at the destination, or null when it should not be there. */
  mapKeyValue(keyValue: KeyValue): Item | null {
    if (this.skips(keyValue.lease)) return null;
    const key = this.mapKey(keyValue.key);
    return key === null ? null : { key, value: keyValue.value };
  }

  /** Whether a key found at the destination belongs to this route, so that a difference may delete it. */
  owns(destinationKey: Buffer): boolean {
    if (!hasPrefix(destinationKey, this.target) || this.isReserved(destinationKey)) return false;
    const sourceKey = Buffer.concat([this.prefix, destinationKey.subarray(this.target.length)]);
    return !this.excluded.some((prefix) => hasPrefix(sourceKey, prefix));
  }

  /** Ranges within the destination range whose keys the route does not own. */
  get foreignRanges(): readonly KeyRange[] {
    const excluded = this.excluded.map((prefix) =>
      prefixRange(Buffer.concat([this.target, prefix.subarray(this.prefix.length)])),
    );
    return [...excluded, ...this.reserved.filter((range) => rangesOverlap(range, this.destinationRange))];
  }

  private skips(lease: bigint): boolean {
    return this.skipLeased && lease !== NO_LEASE;
  }

  private isReserved(destinationKey: Buffer): boolean {
    return this.reserved.some((range) => rangeContains(range, destinationKey));
  }
}
