// The one rule for where a server's binary comes from: environment variable, PATH, the project's cache. It is plain
// JavaScript because `npm start` needs it before anything is installed; packages/testing imports this same file.

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Every binary the project runs but does not ship, and the variable that names another one. */
export const BINARIES = Object.freeze({
  etcd: 'TIDEMARK_ETCD',
  etcdctl: 'TIDEMARK_ETCDCTL',
  'nats-server': 'TIDEMARK_NATS_SERVER',
  'redis-server': 'TIDEMARK_REDIS_SERVER',
  'redis-cli': 'TIDEMARK_REDIS_CLI',
});

// Debian puts nats-server into /usr/sbin, which is not on an ordinary user's PATH.
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/sbin'];

export function cacheDirectory(env = process.env) {
  return env.TIDEMARK_CACHE || fileURLToPath(new URL('../../.cache', import.meta.url));
}

/** Where `scripts/lib/fetch-servers.mjs` leaves what it unpacked. */
export function cachedBinary(name, env = process.env) {
  return join(cacheDirectory(env), 'servers', 'bin', name);
}

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Path of a program on PATH (or in the system directories), or undefined. */
export function onPath(name, env = process.env) {
  const directories = [...(env.PATH ?? '').split(delimiter).filter(Boolean), ...SYSTEM_DIRECTORIES];
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

/** Path of one of `BINARIES`, or undefined. Throws when its variable names something that cannot be run. */
export function findBinary(name, env = process.env) {
  const variable = BINARIES[name];
  const chosen = env[variable];
  if (chosen) {
    if (isExecutable(chosen)) return chosen;
    throw new Error(`${variable} is set to ${chosen}, which is not an executable file`);
  }
  const cached = cachedBinary(name, env);
  return onPath(name, env) ?? (isExecutable(cached) ? cached : undefined);
}
