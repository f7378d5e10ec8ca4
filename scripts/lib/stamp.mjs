import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fromRoot } from './checkout.mjs';

/** Hash over names and contents of files of the checkout, and over whatever else the result depends on. */
export function fingerprint(files, also = []) {
  const hash = createHash('sha256');
  for (const word of also) hash.update(`${word}\0`);
  for (const file of files) {
    const content = readFileSync(fromRoot(file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** True when `path` says that a step was done for just this fingerprint. */
export function isStamped(path, value) {
  try {
    return readFileSync(path, 'utf8').trim() === value;
  } catch {
    return false;
  }
}

export function writeStamp(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${value}\n`);
}
