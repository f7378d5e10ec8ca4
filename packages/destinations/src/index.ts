export { EtcdDestination } from './etcd/destination.js';
export { RedisDestination, type RedisDestinationOptions } from './redis/destination.js';
export { REDIS_CHECKPOINT_PREFIX } from './redis/key-names.js';
