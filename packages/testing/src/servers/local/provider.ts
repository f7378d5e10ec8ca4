import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartAgainError } from '../../network/errors.js';
import type { Servers } from '../servers.js';
import { startEtcd } from './etcd.js';
import { startEtcdCluster } from './etcd-cluster.js';
import { guardDirectory, releaseDirectory } from './lifeline.js';
import { startNats } from './nats.js';
import { startNatsCluster } from './nats-cluster.js';
import { startRedis, startRedisSentinel } from './redis.js';
import type { Site } from './site.js';

const ATTEMPTS = 5;

type CleanUp = () => Promise<void>;

/** Servers as processes of this machine, on loopback, with their data in temporary directories. */
export function localServers(): Servers {
  return new LocalServers();
}

class LocalServers implements Servers {
  private readonly cleanUps: CleanUp[] = [];

  etcd(options: Parameters<Servers['etcd']>[0] = {}): ReturnType<Servers['etcd']> {
    return this.launch((site) => startEtcd(site, options));
  }

  nats(options: Parameters<Servers['nats']>[0] = {}): ReturnType<Servers['nats']> {
    return this.launch((site) => startNats(site, options));
  }

  redis(options: Parameters<Servers['redis']>[0] = {}): ReturnType<Servers['redis']> {
    return this.launch((site) => startRedis(site, options));
  }

  redisSentinel(options: Parameters<Servers['redisSentinel']>[0]): ReturnType<Servers['redisSentinel']> {
    return this.launch((site) => startRedisSentinel(site, options));
  }

  etcdCluster(options: Parameters<Servers['etcdCluster']>[0] = {}): ReturnType<Servers['etcdCluster']> {
    return this.launch((site) => startEtcdCluster(site, options));
  }

  natsCluster(options: Parameters<Servers['natsCluster']>[0] = {}): ReturnType<Servers['natsCluster']> {
    return this.launch((site) => startNatsCluster(site, options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await cleanUp(this.cleanUps);
  }

  /** A port that was free a moment ago may be gone when the server binds, for one. */
  private async launch<T>(start: (site: Site) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const ofAttempt: CleanUp[] = [];
      const directory = await temporaryDirectory(ofAttempt);
      try {
        const started = await start({ directory, atEnd: (work) => ofAttempt.push(work) });
        this.cleanUps.push(() => cleanUp(ofAttempt));
        return started;
      } catch (error) {
        await cleanUp(ofAttempt);
        if (!(error instanceof StartAgainError) || attempt === ATTEMPTS) throw error;
      }
    }
  }
}

async function temporaryDirectory(cleanUps: CleanUp[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-test-'));
  guardDirectory(directory);
  cleanUps.push(async () => {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    releaseDirectory(directory);
  });
  return directory;
}

/** The newest first: servers before their directory. */
async function cleanUp(works: readonly CleanUp[]): Promise<void> {
  for (const work of works.toReversed()) await work();
}
