// Bundles the command into one file, beside what it reads at run time: etcd3 loads its .proto files from disk.
import { chmodSync, cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');
const outfile = join(dist, 'tidemark.mjs');

await build({
  entryPoints: [join(here, 'src', 'main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  conditions: ['tidemark-source'],
  sourcemap: true,
  legalComments: 'linked',
  banner: {
    // The client libraries are CommonJS and call require() and __dirname themselves.
    js: [
      '#!/usr/bin/env node',
      "import { createRequire as __tidemarkRequire } from 'node:module';",
      "import { dirname as __tidemarkDirname } from 'node:path';",
      "import { fileURLToPath as __tidemarkPath } from 'node:url';",
      'const require = __tidemarkRequire(import.meta.url);',
      'const __filename = __tidemarkPath(import.meta.url);',
      'const __dirname = __tidemarkDirname(__filename);',
    ].join('\n'),
  },
});

const etcdPackage = createRequire(join(here, '..', 'etcd', 'package.json'));
const protos = join(dirname(etcdPackage.resolve('etcd3/package.json')), 'proto');
mkdirSync(join(here, 'proto'), { recursive: true });
// etcd3 looks for `../proto` from the file it was bundled into.
cpSync(protos, join(here, 'proto'), { recursive: true });
chmodSync(outfile, 0o755);
