export type BinaryName = 'etcd' | 'etcdctl' | 'nats-server' | 'redis-server' | 'redis-cli';

/** Every binary the project runs but does not ship, and the variable that names another one. */
export const BINARIES: Readonly<Record<BinaryName, string>>;

export function cacheDirectory(env?: NodeJS.ProcessEnv): string;
export function cachedBinary(name: BinaryName, env?: NodeJS.ProcessEnv): string;
export function isExecutable(path: string): boolean;

/** Path of a program on PATH (or in the system directories), or undefined. */
export function onPath(name: string, env?: NodeJS.ProcessEnv): string | undefined;

/** Path of one of `BINARIES`, or undefined. Throws when its variable names something that cannot be run. */
export function findBinary(name: BinaryName, env?: NodeJS.ProcessEnv): string | undefined;
