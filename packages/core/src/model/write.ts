/** A change as it is written to a destination: keys already mapped by the routes. */
export type Write =
  | { readonly kind: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly kind: 'delete'; readonly key: Buffer };

/** Bytes that a request needs for a write besides its key and value. */
const WRITE_OVERHEAD_BYTES = 24;

/** What a write occupies in a request, bytes: the unit of `ApplyLimits.maxBytes`. */
export function writeBytes(write: Write): number {
  return WRITE_OVERHEAD_BYTES + write.key.length + (write.kind === 'put' ? write.value.length : 0);
}
