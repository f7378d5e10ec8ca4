export {
  type Audit,
  type AuditedRange,
  type AuditResult,
  audit,
  type Difference,
  differing,
  readKeys,
} from './audit.js';
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
export { type FloodOptions, flood } from './flood.js';
export { EtcdGateway, type GatewayOperation, type HistoryEvent } from './gateway.js';
export { type ChainVerdict, checkChain } from './journal-chain.js';
export { CONFTOOL_PREFIX, conftoolKeyspace, type KeyAndValue, type KeyspaceOptions, poolValue } from './keyspace.js';
export { type LoadOptions, loadKeys } from './load.js';
export {
  type ApplyFault,
  type CommittedTransaction,
  type DestinationBackup,
  MemoryDestination,
  type MemoryDestinationOptions,
} from './memory-destination.js';
export { MemoryFacts } from './memory-facts.js';
export { MemorySource, type MemorySourceOptions, type SourceWrite } from './memory-source.js';
export { type OnceOnlyVerdict, OnceOnlyWriter } from './once-only.js';
export { FaultProxy, type ProxyCounters } from './proxy.js';
export { Random } from './random.js';
export { RawJournal, type RawMessage, readRawJournal } from './raw-journal.js';
export { RawNats } from './raw-nats.js';
export { readRedisKeys } from './redis-audit.js';
export { RedisMonitor } from './redis-monitor.js';
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
  Servers,
} from './servers/contract.js';
export { TestServerError } from './servers/errors.js';
export { localServers } from './servers/local/provider.js';
export { freePort as unusedPort } from './servers/ports.js';
export { shortWaits } from './short-waits.js';
export { someAnchor } from './some-anchor.js';
export { type CommandResult, TIDEMARK, tidemark } from './tidemark/command.js';
export { leaderCandidates, revokeLease, type SeenCandidate } from './tidemark/election.js';
export { TidemarkNode } from './tidemark/node.js';
export { nodeConfig, Pipeline, type PipelineOptions } from './tidemark/pipeline.js';
export {
  type EncryptedEtcd,
  encryptedEtcd,
  IPV6_TLS_FILES,
  STRANGERS_TLS_FILES,
  TLS_FILES,
  type TlsFiles,
} from './tls-files.js';
export { type UntilOptions, until, WaitedInVainError } from './wait.js';
export { NO_BRAKES, runWorkload, type WorkloadOptions } from './workload.js';
