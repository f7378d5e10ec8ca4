export { entryDigest } from './anchor.js';
export { Backoff, type BackoffOptions } from './backoff.js';
export { BackwardWriter, MAX_FIELD_HEADER_BYTES, MAX_INTEGER_FIELD_BYTES } from './backward-writer.js';
export { Bell } from './bell.js';
export {
  type Change,
  changeBytes,
  type Delete,
  type Entry,
  entryBytes,
  type KeyValue,
  NO_LEASE,
  type Put,
} from './change.js';
export { aborted, type Clock, sleep, systemClock } from './clock.js';
export { sharesEndpoint } from './config/endpoints.js';
export { type Config, loadConfig, parseConfig } from './config/load.js';
export { ConfigError, type ConfigProblem, formatProblem } from './config/problems.js';
export { hashTag } from './config/redis-rules.js';
export {
  type AuthConfig,
  type BrakesConfig,
  configJsonSchema,
  type DestinationConfig,
  type EtcdDestinationConfig,
  type EtcdHopConfig,
  type JournalConfig,
  parseRoutes,
  type RedisDestinationConfig,
  type RouteConfig,
  type TlsConfig,
} from './config/schema.js';
export { parseDuration, parseSize } from './config/units.js';
export type {
  ApplyLimits,
  ApplyRequest,
  ApplyResult,
  Checkpoint,
  Destination,
  DestinationReading,
  DestinationView,
  Fence,
  ForeignWrite,
  Write,
} from './contracts/destination.js';
export type { Elector, Leadership } from './contracts/election.js';
export type { SharedFacts } from './contracts/facts.js';
export type {
  Anchor,
  BatchRecord,
  Journal,
  JournalHead,
  JournalInfo,
  JournalRecord,
  JournalWriter,
  ProgressRecord,
  ReadFrom,
  RecordDraft,
  ResetReason,
  ResetRecord,
  Rewind,
  SnapshotRecord,
  SnapshotRef,
  SnapshotStore,
  StoredRecord,
  TermRecord,
} from './contracts/journal.js';
export type { Origin, OriginKeeper } from './contracts/origin.js';
export type { Claim, LiveNode, Owner, Ownership, OwnershipView } from './contracts/ownership.js';
export type { PagedRead, Source, SourceIdentity } from './contracts/source.js';
export * from './errors.js';
export { eventLoopTurn } from './event-loop-turn.js';
export { type GatherOptions, type Group, gather } from './gather.js';
export { historyBreak, type Journaled } from './history-break.js';
export { type JournalHint, JournalHints } from './journal-hint.js';
export {
  compareKeys,
  FULL_KEYSPACE,
  hasPrefix,
  type KeyRange,
  keyAfter,
  prefixRange,
  printableKey,
  rangeContains,
  rangesOverlap,
} from './key-range.js';
export { createLogger, type Logger, type LogLevel, silentLogger } from './logger.js';
export { createMetrics, DESTINATION_STATES, type DestinationState, type Metrics } from './metrics.js';
export { parseFact, positionSchema } from './parse-fact.js';
export { comparePositions, formatPosition, type Position } from './position.js';
export {
  destinationPrefix,
  type Region,
  type RouteRegions,
  regionsOverlap,
  routeRegions,
} from './region.js';
export { Scope } from './scope.js';
export {
  assertReadable,
  isCertificateCode,
  readPassword,
  readSecret,
  readTls,
  readToken,
  type TlsContents,
} from './secret-files.js';
export { SharedBudget } from './shared-budget.js';
export { SnapshotWishes } from './snapshot-wishes.js';
export { unlessAborted } from './unless-aborted.js';
