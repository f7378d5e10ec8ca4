export function unpackedRoot(env?: NodeJS.ProcessEnv): string;

/** Path of a program relative to the root, or undefined. */
export function unpackedProgram(name: string, root?: string): string | undefined;

/** Library directories relative to the root. */
export function unpackedLibraries(root?: string): string[];
