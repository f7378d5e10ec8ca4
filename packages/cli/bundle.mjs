// Bundles the command: the program as one file, what starts it, and what it reads at run time beside it (etcd3 loads its
// .proto files from disk).
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');
const outfile = (name) => join(dist, name);
const entryPoints = (name) => [join(here, 'src', `${name}.ts`)];

const common = { bundle: true, platform: 'node', target: 'node20.19', charset: 'ascii' };
await build({
  ...common,
  entryPoints: entryPoints('main'),
  outfile: outfile('tidemark.cjs'),
  format: 'cjs',
  conditions: ['tidemark-source'],
  sourcemap: true,
  legalComments: 'linked',
});
const command = { ...common, format: 'esm', banner: { js: '#!/usr/bin/env node' } };
await build({ ...command, entryPoints: entryPoints('launch'), outfile: outfile('tidemark.mjs') });
await build({ ...command, entryPoints: entryPoints('write-code-cache'), outfile: outfile('write-code-cache.mjs') });

const etcdPackage = createRequire(join(here, '..', 'etcd', 'package.json'));
const protos = join(dirname(etcdPackage.resolve('etcd3/package.json')), 'proto');
mkdirSync(join(here, 'proto'), { recursive: true });
// etcd3 looks for `../proto` from the file it was bundled into.
cpSync(protos, join(here, 'proto'), { recursive: true });
chmodSync(outfile('tidemark.mjs'), 0o755);

for (const file of readdirSync(dist).filter((name) => name.endsWith('.cache'))) rmSync(outfile(file));
execFileSync(process.execPath, [join(here, 'code-caches.mjs')]);
