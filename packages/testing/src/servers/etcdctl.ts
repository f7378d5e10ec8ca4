import { execFile } from 'node:child_process';
import { TestServerError } from '../network/errors.js';
import { binary } from './binary.js';

const TIMEOUT_MS = 30_000;
/** The largest keyspaces of the suites are some tens of MiB as base64. */
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;

interface EtcdctlCall {
  readonly endpoint: string;
  readonly args: readonly string[];
  /** Standard input, for `put KEY` without a value and for `txn`. */
  readonly input?: string | Buffer | undefined;
  /** Calls as root when authentication is on. */
  readonly rootPassword?: string | undefined;
}

/** Standard output of one etcdctl call. Throws with what it printed when it fails or takes longer than 30 s. */
export function runEtcdctl({ endpoint, args, input, rootPassword }: EtcdctlCall): Promise<Buffer> {
  return runTool({
    path: binary('etcdctl'),
    // In the environment: arguments are for everybody to read.
    environment: { ETCDCTL_API: '3', ...(rootPassword === undefined ? {} : { ETCDCTL_USER: `root:${rootPassword}` }) },
    args: ['--endpoints', endpoint, ...args],
    input,
    name: `etcdctl ${args.slice(0, 2).join(' ')}`,
    remedy: `Is etcd at ${endpoint} running and not paused?`,
  });
}

export interface ToolCall {
  readonly path: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly input?: string | Buffer | undefined;
  /** What the error calls it; arguments may be secret, or long. */
  readonly name: string;
  readonly remedy: string;
}

export function runTool({ path, args, environment, input, name, remedy }: ToolCall): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = {
      encoding: 'buffer' as const,
      env: { PATH: process.env['PATH'], ...environment },
      timeout: TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
    };
    const child = execFile(path, args, options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
        return;
      }
      const output = Buffer.concat([stderr, stdout]).toString('utf8').trim();
      // Not error.message: it is the whole command line.
      const why = output || (error.killed === true ? `no end within ${TIMEOUT_MS / 1_000} s` : `code ${error.code}`);
      reject(new TestServerError({ message: `${name} failed: ${why}`, remedy, cause: error }));
    });
    // It may end before it has read all: what went wrong then is in its exit code, not in EPIPE.
    child.stdin?.on('error', (error) => child.stderr?.emit('data', Buffer.from(`standard input: ${error.message}\n`)));
    child.stdin?.end(input);
  });
}
