import { SharedBudget } from '@tidemark/core';

/**
 * Names that the brakes of all destinations of this process remember, bytes. In equal shares of those that remember any:
 * fifty that were held at once remembered 200,000 each.
 */
const PROCESS_NAMES = new SharedBudget(48 * 1024 * 1024);
/** Each may have so many bytes, however many share: some 4,000 names, which is more than `maxDeletes` allows by default. */
const LEAST_BYTES = 512 * 1024;
/** Names at most, however short they are. */
const MAX_NAMES = 200_000;
/** What a name takes in memory besides its characters: 69 to 75 bytes each, measured with 200,000 in a Map. */
const NAME_OVERHEAD_BYTES = 75;

/**
 * Keys that are counted once each, with a number, in the order in which they came. Bounded by bytes: once it is full it
 * takes no more. Whoever has one clears it in the end, so that the others get its share.
 */
export class NamedKeys {
  private readonly named = new Map<string, number>();
  private bytes = 0;
  private leave: (() => void) | null = null;

  constructor(private readonly budget = PROCESS_NAMES) {}

  get size(): number {
    return this.named.size;
  }

  get entries(): Iterable<readonly [key: string, value: number]> {
    return this.named;
  }

  /** @param key a character for each byte. False when it is not remembered, for want of space. */
  set(key: string, value: number): boolean {
    this.delete(key);
    this.leave ??= this.budget.join();
    const bytes = this.bytes + bytesOf(key);
    const fits = this.named.size < MAX_NAMES && bytes <= Math.max(LEAST_BYTES, this.budget.share);
    if (fits) {
      this.named.set(key, value);
      this.bytes = bytes;
    }
    this.leaveWhenEmpty();
    return fits;
  }

  delete(key: string): void {
    if (!this.named.delete(key)) return;
    this.bytes -= bytesOf(key);
    this.leaveWhenEmpty();
  }

  clear(): void {
    this.named.clear();
    this.bytes = 0;
    this.leaveWhenEmpty();
  }

  private leaveWhenEmpty(): void {
    if (this.named.size > 0) return;
    this.leave?.();
    this.leave = null;
  }
}

function bytesOf(key: string): number {
  return NAME_OVERHEAD_BYTES + key.length;
}
