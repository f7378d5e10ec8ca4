import { crc32 } from 'node:zlib';
import { JournalChainBrokenError, JournalCorruptError, type StoredRecord } from '@tidemark/core';
import type { FrameHeaders } from './frame.js';
import { decodeRecord } from './record.js';

/** One message of the journal's stream. */
export interface JournalMessage {
  readonly sequence: number;
  readonly headers: FrameHeaders;
  readonly payload: Buffer;
  /** Bytes it occupies, headers included. */
  readonly bytes: number;
}

/**
 * Assembles records from consecutive messages.
 *
 * A leader that dies between two parts leaves an unfinished record. Its parts are dropped when the next leader's `term`
 * record follows (or the first `reset`, in a journal without a whole record). Any other message there is an error.
 */
export class RecordAssembler {
  private parts: JournalMessage[] = [];
  /** False while reading began within a record whose first parts retention has removed: the rest of it is skipped. */
  private begun = false;

  /** The record that `message` completes, null when it completes none. */
  push(message: JournalMessage): StoredRecord | null {
    const { headers } = message;
    if (headers.part === 0) this.begin(message);
    else if (!this.begun) return null;
    else if (!this.continues(headers)) throw brokenAt(message, 'is not the next part');
    this.parts.push(message);
    if (headers.part < headers.parts - 1) return null;
    return this.finish(message.sequence);
  }

  private begin(message: JournalMessage): void {
    const { kind } = message.headers;
    if (this.parts.length > 0 && kind !== 'term' && kind !== 'reset') {
      throw brokenAt(message, 'follows an unfinished record although no leader has taken over');
    }
    this.parts = [];
    this.begun = true;
  }

  private continues(headers: FrameHeaders): boolean {
    const before = this.parts.at(-1)?.headers;
    return before?.part === headers.part - 1 && before.parts === headers.parts && before.crc32 === headers.crc32;
  }

  private finish(sequence: number): StoredRecord {
    const parts = this.parts;
    this.parts = [];
    const [only] = parts;
    const payload = parts.length === 1 && only ? only.payload : Buffer.concat(parts.map((part) => part.payload));
    if (crc32(payload) !== only?.headers.crc32) throw corrupt(sequence);
    return { sequence, bytes: parts.reduce((sum, part) => sum + part.bytes, 0), record: decodeRecord(payload) };
  }
}

function brokenAt(message: JournalMessage, what: string): JournalChainBrokenError {
  return new JournalChainBrokenError({
    message: `Journal message ${message.sequence} (part ${message.headers.part}/${message.headers.parts}) ${what}.`,
    remedy: 'Nothing to do: destinations resync from the newest snapshot. Keep the stream to examine it.',
  });
}

function corrupt(sequence: number): JournalCorruptError {
  return new JournalCorruptError({
    message: `The journal record that ends at sequence ${sequence} does not match its checksum.`,
    remedy: 'Check the disks of the NATS servers; see the runbook on a corrupt journal.',
  });
}
