import { execFile } from 'node:child_process';
import { binary } from './binary.js';
import { TestServerError } from './errors.js';

const TIMEOUT_MS = 30_000;
/** The largest keyspaces of the suites are some tens of MiB as base64. */
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;

interface EtcdctlCall {
  readonly endpoint: string;
  readonly args: readonly string[];
  /** Standard input, for `put KEY` without a value and for `txn`. */
  readonly input: string | Buffer | undefined;
}

/** Standard output of one etcdctl call. Throws with what it printed when it fails or takes longer than 30 s. */
export function runEtcdctl(call: EtcdctlCall): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      binary('etcdctl'),
      ['--endpoints', call.endpoint, ...call.args],
      {
        encoding: 'buffer',
        env: { PATH: process.env['PATH'], ETCDCTL_API: '3' },
        timeout: TIMEOUT_MS,
        maxBuffer: MAX_OUTPUT_BYTES,
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(failed(call, Buffer.concat([stderr, stdout]).toString('utf8'), error));
      },
    );
    // etcdctl may end before it has read all: what went wrong then is in its exit code, not in EPIPE.
    child.stdin?.on('error', (error) => child.stderr?.emit('data', Buffer.from(`standard input: ${error.message}\n`)));
    child.stdin?.end(call.input);
  });
}

function failed(call: EtcdctlCall, output: string, cause: Error): TestServerError {
  return new TestServerError({
    message: `etcdctl ${call.args.slice(0, 2).join(' ')} failed: ${output.trim() || cause.message}`,
    remedy: `Is etcd at ${call.endpoint} running and not paused?`,
    cause,
  });
}
