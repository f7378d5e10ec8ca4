export const SUITES: readonly string[];

export function sourcesOf(suite: string, directory?: string): { name: string; content: string }[];

/** '' when nothing in the file is of the distribution's main suites. */
export function deriveSources(path: string, content: string, suite: string): string;
