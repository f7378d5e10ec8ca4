export {
  type DestinationUnderTest,
  destinationConformance,
  type OpenDestination,
} from './conformance/destination.js';
export {
  type JournalTestOptions,
  type JournalUnderTest,
  journalConformance,
  type OpenJournal,
} from './conformance/journal.js';
export { checkpointAt } from './fakes/checkpoint-at.js';
export { FaultySnapshots } from './fakes/faulty-snapshots.js';
export {
  type ApplyFault,
  type CommittedTransaction,
  type DestinationBackup,
  MemoryDestination,
  type MemoryDestinationOptions,
} from './fakes/memory-destination.js';
export { MemoryFacts } from './fakes/memory-facts.js';
export { MemorySource, type MemorySourceOptions, type SourceWrite } from './fakes/memory-source.js';
export { someAnchor } from './fakes/some-anchor.js';
export { Stall } from './fakes/stall.js';
export {
  type Audit,
  type AuditedRange,
  type AuditResult,
  audit,
  type Difference,
  differing,
  readKeys,
} from './judges/audit.js';
export { type ChainVerdict, checkChain } from './judges/journal-chain.js';
export { type OnceOnlyVerdict, OnceOnlyWriter } from './judges/once-only.js';
export { RawJournal, type RawMessage, readRawJournal } from './judges/raw-journal.js';
export { readRedisKeys } from './judges/redis-audit.js';
export { RedisMonitor } from './judges/redis-monitor.js';
export { TestServerError } from './network/errors.js';
export { EtcdGateway, type GatewayOperation, type HistoryEvent } from './network/gateway.js';
export { freePort as unusedPort } from './network/ports.js';
export { FaultProxy } from './network/proxy.js';
export type { ProxyCounters } from './network/proxy-state.js';
export { RawNats } from './network/raw-nats.js';
export type {
  EtcdCluster,
  EtcdClusterOptions,
  NatsCluster,
  NatsClusterOptions,
  PeerFaults,
} from './servers/cluster-contract.js';
export { containerServers } from './servers/container/provider.js';
export type {
  EtcdAuth,
  EtcdOptions,
  EtcdPermission,
  EtcdServer,
  EtcdUser,
  NatsDataCopy,
  NatsOptions,
  NatsServer,
  RedisOptions,
  RedisSentinelOptions,
  RedisServer,
  Server,
} from './servers/contract.js';
export { localServers } from './servers/local/provider.js';
export type { Servers } from './servers/servers.js';
export {
  type EncryptedEtcd,
  encryptedEtcd,
  IPV6_TLS_FILES,
  STRANGERS_TLS_FILES,
  TLS_FILES,
  type TlsFiles,
} from './servers/tls-files.js';
export { type CommandResult, TIDEMARK, tidemark } from './tidemark/command.js';
export { leaderCandidates, revokeLease, type SeenCandidate } from './tidemark/election.js';
export { TidemarkNode } from './tidemark/node.js';
export { nodeConfig, Pipeline, type PipelineOptions } from './tidemark/pipeline.js';
export { never } from './waiting/never.js';
export { shortWaits } from './waiting/short-waits.js';
export { type UntilOptions, until, WaitedInVainError } from './waiting/until.js';
export { type FloodOptions, flood } from './workload/flood.js';
export {
  CONFTOOL_PREFIX,
  conftoolKeyspace,
  type KeyAndValue,
  type KeyspaceOptions,
  poolValue,
} from './workload/keyspace.js';
export { type LoadOptions, loadKeys } from './workload/load.js';
export { Random } from './workload/random.js';
export { NO_BRAKES, runWorkload, type WorkloadOptions } from './workload/workload.js';
