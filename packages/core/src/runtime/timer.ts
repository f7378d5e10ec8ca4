/** Node.js fires a timer that is longer than this at once, milliseconds: 24.8 days. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Calls back once, `ms` milliseconds from now, however long that is. Returns how to call it off. */
export function callAfter(ms: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout;
  const begin = (left: number): void => {
    const slice = Math.min(left, LONGEST_TIMER_MS);
    timer = setTimeout(() => (left > slice ? begin(left - slice) : callback()), slice);
  };
  begin(ms);
  return () => clearTimeout(timer);
}
