import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Server, Servers } from '../contract.js';
import { startEtcd } from './etcd.js';
import { guardDirectory, releaseDirectory } from './lifeline.js';
import { startNats } from './nats.js';
import { startRedis } from './redis.js';
import { PortTakenError } from './server-process.js';

const PORT_ATTEMPTS = 5;

/** Servers as processes of this machine, on loopback, with their data in temporary directories. */
export function localServers(): Servers {
  return new LocalServers();
}

class LocalServers implements Servers {
  private readonly started: Server[] = [];
  private readonly directories: string[] = [];

  etcd(options: Parameters<Servers['etcd']>[0] = {}): ReturnType<Servers['etcd']> {
    return this.launch((directory) => startEtcd(directory, options));
  }

  nats(options: Parameters<Servers['nats']>[0] = {}): ReturnType<Servers['nats']> {
    return this.launch((directory) => startNats(directory, options));
  }

  redis(options: Parameters<Servers['redis']>[0] = {}): ReturnType<Servers['redis']> {
    return this.launch((directory) => startRedis(directory, options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.started.map((server) => server.kill()));
    for (const directory of this.directories) {
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
      releaseDirectory(directory);
    }
  }

  /** A port that was free a moment ago may be gone when the server binds: then everything is chosen anew. */
  private async launch<T extends Server>(start: (directory: string) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const directory = await mkdtemp(join(tmpdir(), 'tidemark-test-'));
      this.directories.push(directory);
      guardDirectory(directory);
      try {
        const server = await start(directory);
        this.started.push(server);
        return server;
      } catch (error) {
        if (!(error instanceof PortTakenError) || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }
}
