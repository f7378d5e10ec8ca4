import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TIDEMARK } from '@tidemark/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployedText } from './support/files.js';

/** What deploy/README.md installs. */
const INSTALLED = /^(tidemark\.mjs|tidemark\.cjs|write-code-cache\.mjs|tidemark-\d+\.cache)$/;
const BUILT = dirname(TIDEMARK);
const UNIT_FLAGS = [/--max-old-space-size=\d+/.exec(deployedText('systemd/tidemark.service'))?.[0] ?? ''];

let root: string;
let dist: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tidemark-installed-'));
  dist = join(root, 'dist');
  mkdirSync(dist);
  for (const name of readdirSync(BUILT).filter((file) => INSTALLED.test(file)))
    cpSync(join(BUILT, name), join(dist, name));
  cpSync(join(BUILT, '..', 'proto'), join(root, 'proto'), { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true }));

/** Whether the installed program is loaded from a code cache, by a node with these flags. */
function fromCache(flags: readonly string[]): boolean {
  const module = JSON.stringify(pathToFileURL(join(BUILT, 'program.js')).href);
  const tell = `import(${module}).then((m) => console.log(m.loadProgram(${JSON.stringify(dist)}).fromCache))`;
  return JSON.parse(execFileSync(process.execPath, [...flags, '--eval', tell]).toString()) as boolean;
}

function version(): string {
  return execFileSync(process.execPath, [join(dist, 'tidemark.mjs'), '--version'])
    .toString()
    .trim();
}

function caches(): string[] {
  return readdirSync(dist).filter((name) => name.endsWith('.cache'));
}

function damage(name: string, at: number): void {
  const content = readFileSync(join(dist, name));
  content[at] = (content[at] ?? 0) ^ 1;
  writeFileSync(join(dist, name), content);
}

describe('the installed program', () => {
  it('is loaded from a code cache, with the flags of the unit and without', () => {
    expect([fromCache([]), fromCache(UNIT_FLAGS)]).toEqual([true, true]);
    expect(version()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('is compiled under flags that nobody has written a cache for, and where there is none', () => {
    expect(fromCache(['--stack-size=500'])).toBe(false);
    for (const name of caches()) rmSync(join(dist, name));
    expect(fromCache([])).toBe(false);
    expect(version()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('says what is missing where the command was installed alone', () => {
    rmSync(join(dist, 'tidemark.cjs'));
    expect(version).toThrow(/tidemark\.cjs cannot be read: it belongs beside tidemark\.mjs, see deploy\/README\.md/);
  });

  it('is compiled where the cache is damaged, or of another program of the same length', () => {
    for (const name of caches()) damage(name, 100_000);
    expect(fromCache([])).toBe(false);
    expect(version()).toMatch(/^\d+\.\d+\.\d+$/);
    execFileSync(process.execPath, [join(dist, 'write-code-cache.mjs')]);
    expect(fromCache([])).toBe(true);
    const program = readFileSync(join(dist, 'tidemark.cjs'), 'utf8');
    writeFileSync(join(dist, 'tidemark.cjs'), program.replace('VERSION = "0.', 'VERSION = "9.'));
    expect(fromCache([])).toBe(false);
    expect(version()).toMatch(/^9\./);
  });
});
