import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AptState } from './apt.mjs';
import { BINARIES, cachedBinary, findBinary, onPath } from './find-binary.mjs';
import { mustRun, run, StepError } from './run.mjs';
import { unpackedLibraries, unpackedProgram, unpackedRoot } from './unpacked.mjs';

/** The distribution's package of each binary, and how to ask the binary for its version. */
export const PACKAGES = {
  etcd: { package: 'etcd-server', version: ['--version'] },
  etcdctl: { package: 'etcd-client', version: ['version'] },
  'nats-server': { package: 'nats-server', version: ['--version'] },
  'redis-server': { package: 'redis-server', version: ['--version'] },
  'redis-cli': { package: 'redis-tools', version: ['--version'] },
};

/**
 * Makes sure that every server binary can be found. What is missing is taken from the distribution's packages, unpacked
 * into the cache: nothing is installed system-wide, no service is started, no root is needed.
 */
export async function ensureServers() {
  const missing = Object.keys(BINARIES).filter((name) => findBinaryOrStop(name) === undefined);
  if (missing.length === 0) return;
  if (onPath('apt-get') === undefined || onPath('dpkg-deb') === undefined) {
    throw new StepError(
      `these programs are missing, and without apt-get and dpkg-deb they cannot be fetched: ${missing.join(', ')}`,
      remedy(missing),
    );
  }
  console.error(`tidemark: fetching the distribution's packages of ${missing.join(', ')}`);
  const work = mkdtempSync(join(tmpdir(), 'tidemark-apt-'));
  try {
    await fetchInto(unpackedRoot(), work, missing);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  for (const name of missing) await expose(name);
}

async function fetchInto(root, work, missing) {
  const apt = new AptState(work, remedy(missing));
  await apt.update();
  const packages = await apt.resolve([...new Set(missing.map((name) => PACKAGES[name].package))]);
  mkdirSync(root, { recursive: true });
  for (const file of await apt.download(packages)) await mustRun('dpkg-deb', ['-x', file, root]);
}

/**
 * Puts a starter into the cache's bin directory, last and in one step, so that an interrupted fetch is simply repeated.
 * It finds its libraries relative to itself: a checkout may be moved.
 */
async function expose(name) {
  const program = unpackedProgram(name);
  if (program === undefined) {
    throw new StepError(`the distribution's package ${PACKAGES[name].package} has no ${name}`, remedy([name]));
  }
  const target = cachedBinary(name);
  const partial = `${target}.partial`;
  mkdirSync(join(target, '..'), { recursive: true });
  writeFileSync(partial, starter(program, unpackedLibraries()));
  chmodSync(partial, 0o755);
  const { code, output } = await run(partial, PACKAGES[name].version, { limitMs: 20_000 });
  if (code !== 0)
    throw new StepError(`${name} was unpacked and does not run here:\n${output.trimEnd()}`, remedy([name]));
  renameSync(partial, target);
}

function starter(program, libraries) {
  const path = libraries.map((directory) => `$root/${directory}`).join(':');
  return [
    '#!/bin/sh',
    `root="\${0%/*}/../root"`,
    ...(path === ''
      ? []
      : [`LD_LIBRARY_PATH="${path}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"`, 'export LD_LIBRARY_PATH']),
    `exec "$root/${program}" "$@"`,
    '',
  ].join('\n');
}

function findBinaryOrStop(name) {
  try {
    return findBinary(name);
  } catch (error) {
    throw new StepError(error.message, `Correct or unset ${BINARIES[name]}.`);
  }
}

function remedy(missing) {
  const packages = [...new Set(missing.map((name) => PACKAGES[name].package))].join(' ');
  const variables = missing.map((name) => `${BINARIES[name]}=/path/to/${name}`).join(' ');
  return `Either install them (on Debian: apt-get install ${packages}), or name them: ${variables}`;
}
