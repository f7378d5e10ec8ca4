import type { EtcdServer, NatsServer, RedisServer, Server } from './contract.js';
import { turnAuthOn } from './etcd-auth.js';
import { runEtcdctl } from './etcdctl.js';
import { runRedisCli } from './redis-cli.js';

/** What a provider does to one server, wherever it runs. */
export type Lifecycle = Omit<Server, 'address'>;

/** The members of one cluster share it: authentication is a matter of the whole cluster. */
export interface EtcdAccess {
  rootPassword: string | undefined;
}

export interface EtcdParts {
  readonly life: Lifecycle;
  readonly restoreFrom: EtcdServer['restoreFrom'];
  readonly configure: EtcdServer['configure'];
  readonly access?: EtcdAccess;
}

export function etcdHandle(port: number, parts: EtcdParts): EtcdServer {
  const { life, restoreFrom, configure, access = { rootPassword: undefined } } = parts;
  const url = `http://127.0.0.1:${port}`;
  const etcdctl = (args: readonly string[], input?: string | Buffer): Promise<Buffer> =>
    runEtcdctl({ endpoint: url, args, input, rootPassword: access.rootPassword });
  return {
    ...handle(port, life),
    url,
    etcdctl,
    restoreFrom,
    configure,
    enableAuth: async (auth) => {
      await turnAuthOn(etcdctl, auth);
      access.rootPassword = auth.rootPassword;
    },
    snapshotSave: async (file) => {
      await etcdctl(['snapshot', 'save', file]);
    },
  };
}

export interface NatsPorts {
  readonly port: number;
  readonly monitorPort: number;
}

export interface NatsParts extends Pick<NatsServer, 'configure' | 'copyData' | 'restoreData'> {
  readonly life: Lifecycle;
}

export function natsHandle({ port, monitorPort }: NatsPorts, parts: NatsParts): NatsServer {
  return {
    ...handle(port, parts.life),
    url: `nats://127.0.0.1:${port}`,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    configure: (lines) => parts.configure(lines),
    copyData: () => parts.copyData(),
    restoreData: (copy) => parts.restoreData(copy),
  };
}

export function redisHandle(port: number, life: Lifecycle): RedisServer {
  return {
    ...handle(port, life),
    url: `redis://127.0.0.1:${port}/0`,
    redisCli: (args, input) => runRedisCli({ port, args, input }),
  };
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
