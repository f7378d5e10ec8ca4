import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of a file of the checkout. */
export function fromRoot(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}

/** Path of a file below deploy/. */
export function deployed(path: string): string {
  return fromRoot(`deploy/${path}`);
}

export function deployedText(path: string): string {
  return readFileSync(deployed(path), 'utf8');
}

/** Text in which each of `replacements` was found and replaced; a test must not silently test something else. */
export function replaceAllOf(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`"${from}" is not in the file any more`);
    return result.replaceAll(from, to);
  }, text);
}
