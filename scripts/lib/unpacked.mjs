// The layout of unpacked packages in the cache: servers/root is a little file system, servers/bin has the starters.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, isExecutable } from './find-binary.mjs';

export function unpackedRoot(env = process.env) {
  return join(cacheDirectory(env), 'servers', 'root');
}

/** Path of a program relative to the root, or undefined. */
export function unpackedProgram(name, root = unpackedRoot()) {
  const directories = ['usr/bin', 'usr/sbin', 'bin', 'sbin'];
  return directories.map((directory) => `${directory}/${name}`).find((path) => isExecutable(join(root, path)));
}

/** `usr/lib/x86_64-linux-gnu` and the like, relative to the root, as far as something was unpacked there. */
export function unpackedLibraries(root = unpackedRoot()) {
  return ['lib', 'usr/lib'].flatMap((parent) =>
    existsSync(join(root, parent))
      ? readdirSync(join(root, parent))
          .filter((name) => name.includes('-linux-'))
          .map((name) => `${parent}/${name}`)
      : [],
  );
}
