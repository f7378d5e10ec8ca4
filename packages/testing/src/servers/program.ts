import { execFile } from 'node:child_process';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { cachedBinary } from '../../../../scripts/lib/find-binary.mjs';
import { unpackedLibraries, unpackedProgram, unpackedRoot } from '../../../../scripts/lib/unpacked.mjs';
import { type BinaryName, binary } from './binary.js';

const run = promisify(execFile);

export interface Program {
  readonly path: string;
  /** Value of LD_LIBRARY_PATH under which it finds its libraries. */
  readonly ldLibraryPath: string;
}

export interface Library {
  /** On this machine. */
  readonly path: string;
  /** In the image. */
  readonly target: string;
}

/** The program itself: what the cache offers is a shell script that starts it. */
export function program(name: BinaryName): Program {
  const path = binary(name);
  const unpacked = path === cachedBinary(name) ? unpackedProgram(name) : undefined;
  if (unpacked === undefined) return { path, ldLibraryPath: process.env['LD_LIBRARY_PATH'] ?? '' };
  const root = unpackedRoot();
  const directories = unpackedLibraries(root).map((directory) => join(root, directory));
  return { path: join(root, unpacked), ldLibraryPath: directories.join(':') };
}

/** The loader and all shared libraries of a program; none for a static one. */
export async function libraries({ path, ldLibraryPath }: Program): Promise<Library[]> {
  const output = await lddOutput(path, ldLibraryPath);
  // "libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f...)", and the loader without an arrow.
  const found = [...output.matchAll(/^\s*(?:(\S+) => )?(\/.+) \(0x[0-9a-f]+\)$/gm)];
  return found.map(([, name, library = '']) => ({
    path: library,
    // A library by name is looked for in /lib; the loader is named by its path inside the program.
    target: name === undefined ? library : `/lib/${basename(library)}`,
  }));
}

async function lddOutput(path: string, ldLibraryPath: string): Promise<string> {
  try {
    const { stdout } = await run('ldd', [path], { env: { ...process.env, LD_LIBRARY_PATH: ldLibraryPath } });
    return stdout;
  } catch (error) {
    if (String(error).includes('not a dynamic executable')) return '';
    throw error;
  }
}
