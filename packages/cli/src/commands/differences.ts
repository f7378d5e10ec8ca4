/** A key as the admin address tells it. */
type JsonKey = string | { readonly base64: string };

export interface KeyDifference {
  readonly kind: string;
  readonly key: JsonKey;
}

/** One line a key, and how many there are besides. */
export function listKeys(keys: readonly KeyDifference[], total: number, verb: (kind: string) => string): string[] {
  const width = Math.max(0, ...keys.map(({ kind }) => verb(kind).length));
  const listed = keys.map(
    ({ kind, key }) => `  ${verb(kind).padEnd(width)}  ${typeof key === 'string' ? key : `base64:${key.base64}`}`,
  );
  return total > listed.length ? [...listed, `  and ${total - listed.length} more`] : listed;
}
