/** What values that are read together may have, bytes. */
const AIM_BYTES = 1024 * 1024;
/** For the first read, when nothing is known of the size of the values yet. */
const FIRST_KEYS = 4;
/** Small values may be followed by large ones, and nobody says so before they are here. */
const MAX_KEYS = 32;

/** Cuts a list of keys into groups whose values are read together: by bytes, as far as the last group shows them. */
export class KeysAtOnce {
  private keys = FIRST_KEYS;

  /** From a place in the list on. */
  group<Key>(list: readonly Key[], from: number): readonly Key[] {
    return list.slice(from, from + this.keys);
  }

  /** What the last group was. */
  saw(values: readonly (Buffer | null)[]): void {
    const bytes = values.reduce((sum, value) => sum + (value?.length ?? 0), 1);
    this.keys = Math.min(MAX_KEYS, Math.max(1, Math.floor((AIM_BYTES * values.length) / bytes)));
  }
}
