import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the checkout; its path may contain spaces. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const NOT_OURS = new Set(['node_modules', 'dist', '.git', '.cache', 'coverage']);

export function fromRoot(...parts) {
  return join(ROOT, ...parts);
}

/** Program of an installed package. */
export function tool(name) {
  return fromRoot('node_modules', '.bin', name);
}

/** Paths of all files below a directory of the checkout, relative to the root and sorted; [] when it does not exist. */
export function filesBelow(directory) {
  let entries;
  try {
    entries = readdirSync(fromRoot(directory), { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  return entries
    .filter((entry) => !NOT_OURS.has(entry.name))
    .flatMap((entry) => {
      const path = `${directory}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(path) : [path];
    })
    .sort((left, right) => (left < right ? -1 : 1));
}
