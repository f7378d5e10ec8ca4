import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { Script } from 'node:vm';

/** The command with its arguments, as in `process.argv`. Resolves with the exit code. */
type Main = (argv: readonly string[]) => Promise<number>;

export interface Program {
  readonly main: Main;
  /** Whether it was loaded without being compiled. */
  readonly fromCache: boolean;
}

const PROGRAM = 'tidemark.cjs';
const DIGEST_BYTES = 32;

/**
 * The program that was bundled into `directory`. A third of the time in which a command answers went into compiling it,
 * so V8's code cache lies beside it, where `writeCodeCache` put it. Without one that fits it is compiled.
 */
export function loadProgram(directory: string): Program {
  const { script, fromCache } = compile(directory);
  return { main: evaluate(script, directory), fromCache };
}

/** Writes the code cache for this version of Node.js, with the flags that it was started with. */
export function writeCodeCache(directory: string): void {
  const file = cacheFile(directory);
  rmSync(file, { force: true });
  const { script, source } = compile(directory);
  // Functions that have run are in the cache as well.
  evaluate(script, directory);
  const code = script.createCachedData();
  writeFileSync(file, Buffer.concat([digest(source, code), code]));
  // The umask must not decide: the unit runs as another user.
  chmodSync(file, 0o644);
}

function compile(directory: string) {
  const filename = join(directory, PROGRAM);
  const source = readProgram(filename);
  const code = readCodeCache(directory, source);
  // On its first line, so that positions are those of the file. The bundler writes ASCII, except in comments.
  const text = `(function (exports, require, module, __filename, __dirname) {${source.toString('latin1')}\n})`;
  const script = new Script(text, { filename, ...(code !== null && { cachedData: code }) });
  return { source, script, fromCache: code !== null && script.cachedDataRejected === false };
}

function readProgram(filename: string): Buffer {
  try {
    return readFileSync(filename);
  } catch (cause) {
    throw new Error(`${filename} cannot be read: it belongs beside tidemark.mjs, see deploy/README.md`, { cause });
  }
}

function evaluate(script: Script, directory: string): Main {
  const filename = join(directory, PROGRAM);
  const module: { exports: { main?: Main } } = { exports: {} };
  const run = script.runInThisContext() as (...scope: readonly unknown[]) => void;
  run(module.exports, createRequire(filename), module, filename, directory);
  const { main } = module.exports;
  if (main === undefined) throw new TypeError(`${filename} is not the program`);
  return main;
}

/**
 * Null when there is none for this program. V8 recognises a program only by its length, and does not notice damage: the
 * file begins with a digest of program and cache.
 */
function readCodeCache(directory: string, source: Buffer): Buffer | null {
  let content: Buffer;
  try {
    content = readFileSync(cacheFile(directory));
  } catch {
    return null;
  }
  const code = content.subarray(DIGEST_BYTES);
  return digest(source, code).equals(content.subarray(0, DIGEST_BYTES)) ? code : null;
}

/** V8 refuses the cache of another version of itself, of other flags, of another processor: its tag stands for all three. */
function cacheFile(directory: string): string {
  return join(directory, `tidemark-${cachedDataVersionTag()}.cache`);
}

function digest(source: Buffer, code: Buffer): Buffer {
  return createHash('sha256').update(source).update(code).digest();
}
