import type { EtcdServer, NatsServer, RedisServer, Server } from './contract.js';
import { runEtcdctl } from './etcdctl.js';

/** What a provider does to one server, wherever it runs. */
export type Lifecycle = Omit<Server, 'address'>;

export function etcdHandle(port: number, life: Lifecycle): EtcdServer {
  const url = `http://127.0.0.1:${port}`;
  return {
    ...handle(port, life),
    url,
    etcdctl: (args, input) => runEtcdctl({ endpoint: url, args, input }),
  };
}

export interface NatsPorts {
  readonly port: number;
  readonly monitorPort: number;
}

export function natsHandle(
  { port, monitorPort }: NatsPorts,
  configure: NatsServer['configure'],
  life: Lifecycle,
): NatsServer {
  return {
    ...handle(port, life),
    url: `nats://127.0.0.1:${port}`,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    configure,
  };
}

export function redisHandle(port: number, life: Lifecycle): RedisServer {
  return { ...handle(port, life), url: `redis://127.0.0.1:${port}/0` };
}

function handle(port: number, life: Lifecycle): Server {
  return {
    address: `127.0.0.1:${port}`,
    kill: () => life.kill(),
    stop: () => life.stop(),
    start: () => life.start(),
    pause: () => life.pause(),
    resume: () => life.resume(),
    log: () => life.log(),
  };
}
