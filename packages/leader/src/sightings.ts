/** Sightings kept: at one every two seconds, a standby remembers the last minutes of its predecessor. */
const KEPT = 128;

interface Sighting {
  readonly revision: number;
  /** Milliseconds since the epoch when the source was last seen at this revision. */
  readonly time: number;
}

/**
 * When this node saw the source at which revision, as leader or as standby. What a leader reads from history happened at a
 * time that nobody recorded, and this bounds it: not before the source was last seen without it.
 */
export class SourceSightings {
  private readonly seen: Sighting[] = [];

  /** The source was at `revision` at `time`, milliseconds since the epoch. */
  saw(revision: number, time: number): void {
    const last = this.seen.at(-1);
    // A source that goes back has another history: what was seen of the one before says nothing.
    if (last !== undefined && revision < last.revision) this.seen.length = 0;
    else if (last?.revision === revision) this.seen.pop();
    this.seen.push({ revision, time });
    if (this.seen.length > KEPT) this.seen.shift();
  }

  /** The last time at which the source was seen without `revision`; null when it never was. */
  lastWithout(revision: number): number | null {
    return this.seen.findLast((sighting) => sighting.revision < revision)?.time ?? null;
  }
}
