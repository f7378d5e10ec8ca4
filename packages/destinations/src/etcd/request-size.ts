import { type ApplyRequest, RequestTooLargeError, TidemarkError, type Write, writeBytes } from '@tidemark/core';

/** A name longer than this is cut in messages, bytes. */
const SHOWN_KEY_BYTES = 200;
/** What the request needs besides the write: compare, new checkpoint, failure branch, names, etcd's own frame. Far above it. */
const REQUEST_OVERHEAD_BYTES = 8 * 1024;
/** `--max-request-bytes` is advised in steps of this. */
const ADVISED_STEP_BYTES = 64 * 1024;

/** Several writes were too large together. Each alone, or fewer of them, may well pass. */
class BatchTooLargeError extends TidemarkError {
  readonly code = 'REQUEST_TOO_LARGE';
}

/** Key and value bytes that a request asks for, and overhead. */
export function requestBytes({ writes }: Pick<ApplyRequest, 'writes'>): number {
  return writes.reduce((bytes, write) => bytes + writeBytes(write), 0);
}

/** The destination takes fewer writes in one request than it was sent. `maxBytes`: how many are sent from now on. */
export function batchTooLarge(request: ApplyRequest, maxBytes: number, cause: RequestTooLargeError): TidemarkError {
  const { writes } = request;
  return new BatchTooLargeError({
    message: `The destination refused ${writes.length} writes of ${requestBytes(request)} bytes together; from now on at most ${maxBytes} bytes go together.`,
    remedy: 'None needed. A --max-request-bytes of 2097152 on this cluster makes catching up faster.',
    cause,
  });
}

/** One write alone is larger than the destination takes: it names the key, the sizes, and the limit that would do. */
export function writeTooLarge(write: Write, cause: RequestTooLargeError): RequestTooLargeError {
  const value = write.kind === 'put' ? write.value.length : 0;
  const needed = roundUp(write.key.length + value + REQUEST_OVERHEAD_BYTES);
  return new RequestTooLargeError({
    message: `The destination refused ${shown(write.key)}: its value has ${value} bytes, its key ${write.key.length}, and the limit of that cluster, --max-request-bytes, has no space for them beside the checkpoint (${cause.message}).`,
    remedy: `Set --max-request-bytes of that cluster to ${needed} or more, one member at a time; or make the value smaller at the source. Nothing later is written until then.`,
    cause,
  });
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ADVISED_STEP_BYTES) * ADVISED_STEP_BYTES;
}

/** A key for people: text where it is text. */
function shown(key: Buffer): string {
  const cut = key.subarray(0, SHOWN_KEY_BYTES);
  const more = cut.length < key.length ? '...' : '';
  const text = cut.toString('utf8');
  return Buffer.from(text).equals(cut) ? `${text}${more}` : `base64:${cut.toString('base64')}${more}`;
}
