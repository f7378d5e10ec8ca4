/** The journal's retention and its effect, as last seen. Times in milliseconds since the epoch. */
export interface Retention {
  readonly now: number;
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  readonly bytes: number;
  /** When the oldest record that is kept was written. */
  readonly oldestTime: number;
}

/**
 * Seconds until retention removes the record that a destination needs next: the smaller one of what age and size allow.
 * Size is projected from the average rate at which the journal has grown so far. Never negative; 0 means that it is
 * removed already, or now.
 *
 * @param neededTime when the oldest record that the destination has not applied was written; now when there is none
 */
export function journalHeadroomSeconds(neededTime: number, retention: Retention): number {
  const { now, maxAgeMs, maxBytes, bytes, oldestTime } = retention;
  const byAge = neededTime + maxAgeMs - now;
  const bytesPerMs = bytes / Math.max(1, now - oldestTime);
  const untilFull = Math.max(0, maxBytes - bytes) / Math.max(bytesPerMs, Number.MIN_VALUE);
  // Once full, each new byte removes the oldest: it takes as long as it took to write what lies before the needed record.
  const bySize = untilFull + (neededTime - oldestTime);
  return Math.max(0, Math.min(byAge, bySize)) / 1000;
}
