import { type ContainerRuntimeClient, getContainerRuntimeClient } from 'testcontainers';
import { TestServerError } from '../../network/errors.js';
import { freePort } from '../../network/ports.js';
import type { BinaryName } from '../binary.js';
import type { EtcdCluster, NatsCluster } from '../cluster-contract.js';
import type { EtcdOptions, EtcdServer, NatsOptions, NatsServer, RedisOptions, RedisServer } from '../contract.js';
import { etcdHandle, natsHandle, redisHandle } from '../handles.js';
import { natsConfiguration } from '../nats-configuration.js';
import { etcdAnswers, natsAnswers, redisAnswers } from '../probe.js';
import type { Servers } from '../servers.js';
import { ensureImage } from './images.js';
import { removeOrphans } from './orphans.js';
import { type ContainerSpec, ServerContainer } from './server-container.js';

const NATS_CONFIGURATION = '/data/nats.conf';

/** Servers in containers of the Docker engine that DOCKER_HOST (or its default) names, published on loopback. */
export function containerServers(): Servers {
  return new ContainerServers();
}

class ContainerServers implements Servers {
  private client: Promise<ContainerRuntimeClient> | undefined;
  private readonly started: ServerContainer[] = [];

  async etcd(options: EtcdOptions = {}): Promise<EtcdServer> {
    const port = await freePort();
    const url = `http://0.0.0.0:${port}`;
    const container = await this.launch('etcd', {
      command: [
        ...['/bin/etcd', '--name', 'default', '--data-dir', '/data/etcd'],
        ...['--listen-client-urls', url, '--advertise-client-urls', `http://127.0.0.1:${port}`],
        ...(options.flags ?? []),
      ],
      ports: [port],
      files: {},
      readyMessage: /ready to serve client requests/,
      answers: () => etcdAnswers(port),
    });
    return etcdHandle(port, {
      life: container,
      restoreFrom: () => refuse('restoring an etcd from a snapshot'),
      configure: () => refuse("changing an etcd's flags"),
    });
  }

  async nats(options: NatsOptions = {}): Promise<NatsServer> {
    const [port, monitorPort] = [await freePort(), await freePort()];
    const listeners = { client: `0.0.0.0:${port}`, monitor: `0.0.0.0:${monitorPort}`, storeDirectory: '/data/nats' };
    const container = await this.launch('nats-server', {
      command: ['/bin/nats-server', '--config', NATS_CONFIGURATION],
      ports: [port, monitorPort],
      files: { [NATS_CONFIGURATION]: natsConfiguration(listeners, options.configuration ?? []) },
      readyMessage: /Server is ready/,
      answers: () => natsAnswers(port, monitorPort),
    });
    const configure = (lines: readonly string[]): Promise<void> =>
      container.write(NATS_CONFIGURATION, natsConfiguration(listeners, lines));
    return natsHandle(
      { port, monitorPort },
      {
        life: container,
        configure,
        copyData: () => refuse("copying a nats-server's data"),
        restoreData: () => refuse("rolling a nats-server's data back"),
      },
    );
  }

  async redis(options: RedisOptions = {}): Promise<RedisServer> {
    const port = await freePort();
    const container = await this.launch('redis-server', {
      command: [
        ...['/bin/redis-server', '--port', String(port), '--dir', '/data', '--protected-mode', 'no'],
        ...['--save', '', '--appendonly', 'yes', '--daemonize', 'no'],
        ...(options.flags ?? []),
      ],
      ports: [port],
      files: {},
      readyMessage: /Ready to accept connections/,
      answers: () => redisAnswers(port),
    });
    return redisHandle(port, container);
  }

  redisSentinel(): Promise<RedisServer> {
    return refuse('a Redis sentinel');
  }

  etcdCluster(): Promise<EtcdCluster> {
    return refuse('an etcd cluster');
  }

  natsCluster(): Promise<NatsCluster> {
    return refuse('a NATS cluster');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.started.map((container) => container.remove()));
  }

  private async launch(binary: BinaryName, spec: Omit<ContainerSpec, 'image'>): Promise<ServerContainer> {
    this.client ??= connect();
    const client = await this.client;
    const container = await ServerContainer.create(client, { ...spec, image: await ensureImage(client, binary) });
    this.started.push(container);
    return container;
  }
}

/** Faults between members and changes of data directories need processes and files of this machine. */
async function refuse(what: string): Promise<never> {
  throw new TestServerError({
    message: `${what} is not possible with servers in containers`,
    remedy: 'Use localServers() in this test.',
  });
}

async function connect(): Promise<ContainerRuntimeClient> {
  const client = await getContainerRuntimeClient();
  await removeOrphans(client);
  return client;
}
