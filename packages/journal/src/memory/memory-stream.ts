import { randomUUID } from 'node:crypto';
import { Bell, FencedError } from '@tidemark/core';
import type { MessageSource, StreamBounds } from '../chain/ends.js';
import type { JournalMessage } from '../format/assembler.js';
import { type Frame, headerLines, MESSAGE_OVERHEAD_BYTES, parseHeaders } from '../format/frame.js';
import { type Bucket, type BucketObject, type Content, hashed } from '../snapshots/bucket.js';

export interface MemoryStreamOptions {
  /** The oldest messages are removed beyond this size. */
  readonly maxBytes?: number;
  /** Largest payload of one message; longer records are split. */
  readonly maxMessageBytes?: number;
}

const DEFAULT_MAX_MESSAGE_BYTES = 1024 * 1024;

/** A JetStream stream and an object store in memory, as far as the journal uses them, with the faults that tests need. */
export class MemoryStream implements MessageSource {
  readonly id = randomUUID();
  readonly bucket: Bucket = new MemoryBucket();
  readonly maxMessageBytes: number;
  /** How often the last messages were lost. */
  losses = 0;
  private messages: JournalMessage[] = [];
  private lastSequence = 0;
  private bytes = 0;
  private readonly maxBytes: number;
  private readonly change = new Bell();

  constructor(options: MemoryStreamOptions = {}) {
    this.maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
    this.maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  }

  bounds(): StreamBounds & { readonly bytes: number } {
    const firstSequence = this.lastSequence - this.messages.length + 1;
    return { firstSequence, lastSequence: this.lastSequence, messages: this.messages.length, bytes: this.bytes };
  }

  at(sequence: number): JournalMessage | null {
    return this.messages[sequence - this.bounds().firstSequence] ?? null;
  }

  async message(sequence: number): Promise<JournalMessage | null> {
    return this.at(sequence);
  }

  /** @throws FencedError when `expected` is not the last sequence */
  append(expected: number, frame: Frame): void {
    if (expected !== this.lastSequence) {
      throw new FencedError({
        message: `The last sequence is ${this.lastSequence}, expected was ${expected}.`,
        remedy: 'Nothing to do: another leader writes the journal.',
      });
    }
    const lines = new Map(headerLines(frame.headers));
    const headers = parseHeaders((name) => lines.get(name) ?? '');
    const bytes = frame.payload.length + MESSAGE_OVERHEAD_BYTES;
    this.messages.push({ sequence: ++this.lastSequence, headers, payload: frame.payload, bytes });
    this.bytes += bytes;
    while (this.bytes > this.maxBytes) this.bytes -= this.messages.shift()?.bytes ?? 0;
    this.change.ring();
  }

  /** Loses the last messages, as a server does that lost power before it synced. */
  loseLast(count: number): void {
    for (const message of this.messages.splice(Math.max(0, this.messages.length - count))) {
      this.lastSequence--;
      this.bytes -= message.bytes;
    }
    this.losses++;
    this.change.ring();
  }

  /** Resolves at the next change, or when `signal` aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    await this.change.wait(signal);
  }
}

class MemoryBucket implements Bucket {
  private readonly objects = new Map<string, { payload: Buffer; modifiedAt: number }>();

  async put(name: string, { payload }: Content): Promise<void> {
    this.objects.set(name, { payload: Buffer.from(payload), modifiedAt: Date.now() });
  }

  async get(name: string): Promise<Content | null> {
    const object = this.objects.get(name);
    return object === undefined ? null : hashed(object.payload);
  }

  async list(): Promise<readonly BucketObject[]> {
    return [...this.objects].map(([name, { modifiedAt }]) => ({ name, modifiedAt }));
  }

  async remove(name: string): Promise<void> {
    this.objects.delete(name);
  }
}
