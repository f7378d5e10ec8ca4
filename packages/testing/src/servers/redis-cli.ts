import { binary } from './binary.js';
import { runTool } from './etcdctl.js';

interface RedisCliCall {
  readonly port: number;
  readonly args: readonly string[];
  readonly input?: string | Buffer | undefined;
}

/** Standard output of one redis-cli call, without the line break at its end. Throws when Redis answers with an error. */
export async function runRedisCli({ port, args, input }: RedisCliCall): Promise<string> {
  const output = await runTool({
    path: binary('redis-cli'),
    environment: {},
    // -e: an error reply is a failure.
    args: ['-p', String(port), '-e', ...args],
    input,
    name: `redis-cli ${args.slice(0, 2).join(' ')}`,
    remedy: `Is Redis at port ${port} running and not paused?`,
  });
  return output.toString('utf8').replace(/\n$/, '');
}
