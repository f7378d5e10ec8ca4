/** Milliseconds per unit. */
const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Bytes per unit. */
const SIZE_UNITS: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** `250ms`, `10s`, `15m`, `6h`, `7d` in milliseconds, or null when the text is none of these. */
export function parseDuration(text: string): number | null {
  return parseWithUnit(text, DURATION_UNITS);
}

/** `100B`, `512KiB`, `8GiB` in bytes, or null when the text is none of these. */
export function parseSize(text: string): number | null {
  return parseWithUnit(text, SIZE_UNITS);
}

function parseWithUnit(text: string, units: Record<string, number>): number | null {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text.trim());
  const factor = units[match?.[2] ?? ''];
  if (!match || factor === undefined) return null;
  return Math.round(Number(match[1]) * factor);
}

/** Milliseconds as `parseDuration` reads them, in the largest unit that fits. */
export function formatDuration(ms: number): string {
  const units = Object.entries(DURATION_UNITS).toReversed();
  const [unit, factor] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1];
  return `${ms / factor}${unit}`;
}
