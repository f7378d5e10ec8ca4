import { readFileSync } from 'node:fs';
import { filesBelow, fromRoot } from './checkout.mjs';
import { onPath } from './find-binary.mjs';
import { mustRun, StepError } from './run.mjs';
import { fingerprint, isStamped, writeStamp } from './stamp.mjs';

// Inside node_modules, so that removing that directory removes the stamp as well.
const STAMP = fromRoot('node_modules', '.tidemark-installed');

const MANIFESTS = ['.npmrc', 'package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'];

/** Installs the workspace's packages when they are not those of the lock file; otherwise touches neither npx nor network. */
export async function install() {
  const wanted = installFingerprint();
  if (isStamped(STAMP, wanted)) return;
  const npx = onPath('npx');
  if (npx === undefined) {
    throw new StepError('npx is not on PATH', 'Install Node.js >= 20.19 together with npm.');
  }
  console.error('tidemark: installing the workspace packages');
  const { packageManager } = JSON.parse(readFileSync(fromRoot('package.json'), 'utf8'));
  await mustRun(npx, ['--yes', packageManager, 'install', '--frozen-lockfile', '--config.confirmModulesPurge=false'], {
    remedy: 'The first run needs the npm registry (or the one your npm configuration names).',
  });
  writeStamp(STAMP, wanted);
}

/** Changes whenever the installed packages would: some of them carry binaries per platform. */
export function installFingerprint() {
  const manifests = filesBelow('packages').filter((file) => file.endsWith('/package.json'));
  return fingerprint([...MANIFESTS, ...manifests], [process.platform, process.arch, process.versions.modules]);
}
