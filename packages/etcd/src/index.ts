export { EtcdClient } from './client/client.js';
export { type ElectorOptions, EtcdElector } from './coordination/elector.js';
export { EtcdFacts } from './coordination/facts.js';
export { EtcdOwnership, type OwnershipOptions } from './coordination/ownership.js';
export { type NodeInfo, NodeRegistry, type RegistryOptions } from './coordination/registry.js';
export { CoordinationSession, type SessionOptions } from './coordination/session.js';
export { type CheckpointedOutcome, EtcdKv } from './kv.js';
export { EtcdSource } from './source.js';
export { type CheckpointedTxn, MAX_WRITES } from './wire/transaction.js';
