const LIMIT_BYTES = 64 * 1024;

/** The last 64 KiB of what a server printed: enough to see why it did not start, however long it ran. */
export class OutputRing {
  private chunks: Buffer[] = [];
  private bytes = 0;

  add(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    while (this.bytes - (this.chunks[0]?.length ?? 0) >= LIMIT_BYTES) {
      this.bytes -= this.chunks.shift()?.length ?? 0;
    }
  }

  clear(): void {
    this.chunks = [];
    this.bytes = 0;
  }

  toString(): string {
    return Buffer.concat(this.chunks).subarray(-LIMIT_BYTES).toString('utf8');
  }

  lastLines(count: number): string {
    return this.toString().trimEnd().split('\n').slice(-count).join('\n');
  }
}
