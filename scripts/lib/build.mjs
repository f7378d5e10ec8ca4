import { existsSync } from 'node:fs';
import { filesBelow, fromRoot, tool } from './checkout.mjs';
import { installFingerprint } from './install.mjs';
import { mustRun } from './run.mjs';
import { fingerprint, isStamped, writeStamp } from './stamp.mjs';

const STAMP = fromRoot('packages', 'cli', 'dist', '.tidemark-built');
const BUNDLE = ['tidemark.mjs', 'tidemark.cjs'].map((name) => fromRoot('packages', 'cli', 'dist', name));

/** What `npm run build` does, when sources changed since the last time. */
export async function build() {
  const wanted = fingerprint(sources(), [installFingerprint()]);
  if (isStamped(STAMP, wanted) && BUNDLE.every((file) => existsSync(file))) return;
  console.error('tidemark: building');
  await mustRun(tool('tsc'), ['-b']);
  await mustRun(process.execPath, [fromRoot('packages/cli/bundle.mjs')]);
  writeStamp(STAMP, wanted);
}

function sources() {
  const ofPackages = filesBelow('packages').filter((file) => {
    const [, , first = ''] = file.split('/');
    return first === 'src' || first === 'tsconfig.json' || first.endsWith('.mjs');
  });
  return ['tsconfig.base.json', 'tsconfig.json', ...ofPackages];
}
