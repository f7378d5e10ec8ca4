// Writes V8's code caches beside the bundle, for the version of Node.js that runs this. Those of several can lie there.
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A code cache is good for one set of flags: none, and those of deploy/. */
const FLAGS = [[], ['--max-old-space-size=768']];

const writer = join(dirname(fileURLToPath(import.meta.url)), 'dist', 'write-code-cache.mjs');
for (const flags of FLAGS) execFileSync(process.execPath, [...flags, writer]);
