import type { EtcdCluster, EtcdClusterOptions, NatsCluster, NatsClusterOptions } from './cluster-contract.js';
import type {
  EtcdOptions,
  EtcdServer,
  NatsOptions,
  NatsServer,
  RedisOptions,
  RedisSentinelOptions,
  RedisServer,
} from './contract.js';

/**
 * Real servers for tests, from one interface with two providers: local processes, and containers. A test that only
 * needs "an etcd" asks for one and does not know where it runs. Disposing stops all that was started and removes its data.
 */
export interface Servers extends AsyncDisposable {
  etcd(options?: EtcdOptions): Promise<EtcdServer>;
  nats(options?: NatsOptions): Promise<NatsServer>;
  redis(options?: RedisOptions): Promise<RedisServer>;
  /** One sentinel that decides alone, and takes a master for dead after a second. Containers cannot: TestServerError. */
  redisSentinel(options: RedisSentinelOptions): Promise<RedisServer>;
  /** A cluster with a leader. Containers cannot: TestServerError. */
  etcdCluster(options?: EtcdClusterOptions): Promise<EtcdCluster>;
  /** A cluster whose JetStream takes streams with as many replicas as it has servers. Containers cannot: TestServerError. */
  natsCluster(options?: NatsClusterOptions): Promise<NatsCluster>;
}
