import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The built command, as a user runs it. `npm run build` makes it. */
export const TIDEMARK = fileURLToPath(new URL('../../../cli/dist/tidemark.mjs', import.meta.url));

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `tidemark ARGS` to its end. */
export async function tidemark(args: readonly string[]): Promise<CommandResult> {
  return await new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
    execFile(process.execPath, [TIDEMARK, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(error);
    });
  });
}
