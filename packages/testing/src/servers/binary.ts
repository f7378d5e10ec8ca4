// The rule lives in scripts/lib, in plain JavaScript, because `npm start` needs it before TypeScript is installed. The
// path is the same from src/ and from dist/.
import { BINARIES, type BinaryName, findBinary } from '../../../../scripts/lib/find-binary.mjs';
import { TestServerError } from '../network/errors.js';

export type { BinaryName };

/** Path of a server's binary: environment variable, PATH, the project's cache. */
export function binary(name: BinaryName): string {
  const path = findBinary(name);
  if (path !== undefined) return path;
  throw new TestServerError({
    message: `${name} is neither on PATH nor in the project's cache`,
    remedy: `Run \`node scripts/setup.mjs\`, which fetches the distribution's package, or set ${BINARIES[name]}.`,
  });
}
