/** A signal that never aborts: for calls that no test cancels. */
export const never: AbortSignal = new AbortController().signal;
