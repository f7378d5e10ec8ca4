import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { RedisServer } from '../servers/contract.js';
import { until } from '../waiting/until.js';

/** `1700000000.123456 [0 lua] "SET" "key" "value"`: what a server carried out, and for whom. */
const LINE = /^\+?[\d.]+ \[\d+ (\S+)\] (.*)$/;

/**
 * Everything that one Redis server carries out, in order, as MONITOR shows it: the witness of how often something was
 * written. Shows what scripts do, what came from a master, and what clients asked for.
 */
export class RedisMonitor implements Disposable {
  private readonly commands: string[][] = [];
  private rest = '';
  private started = false;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.take(text));
    // A killed server ends the watching; what it did is known.
    socket.on('error', () => socket.destroy());
  }

  static async start(server: Pick<RedisServer, 'address'>): Promise<RedisMonitor> {
    const { hostname, port } = new URL(`tcp://${server.address}`);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    const monitor = new RedisMonitor(socket);
    socket.write('MONITOR\r\n');
    await until(async () => monitor.started, { describe: 'MONITOR to begin' });
    return monitor;
  }

  /** How often each key was SET, by keys that begin with `prefix`. */
  sets(prefix: string): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [name, key = ''] of this.commands) {
      if (name?.toUpperCase() === 'SET' && key.startsWith(prefix)) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }

  /** How often clients had a script carried out with this argument. */
  scriptsWith(argument: string): number {
    const scripts = this.commands.filter(([name = '']) => /^EVAL/i.test(name));
    return scripts.filter((command) => command.includes(argument)).length;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\r\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      this.started = true;
      const [, , quoted] = LINE.exec(line) ?? [];
      if (quoted !== undefined) this.commands.push(unquoted(quoted));
    }
  }
}

/** The arguments of a line; bytes that Redis escapes stay escaped. */
function unquoted(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, argument = '']) => argument);
}
