export { REDIS_PORT, sharesEndpoint } from './config/endpoints.js';
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
export {
  assertReadable,
  isCertificateCode,
  readPassword,
  readSecret,
  readTls,
  readToken,
  type TlsContents,
} from './config/secret-files.js';
export { checkServerIdentity } from './config/server-identity.js';
export { parseDuration, parseSize } from './config/units.js';
export type {
  ApplyLimits,
  ApplyRequest,
  ApplyResult,
  Checkpoint,
  Destination,
  DestinationReader,
  DestinationReading,
  DestinationView,
  DestinationWriter,
  Fence,
  ForeignWrite,
} from './contracts/destination.js';
export type { Elector, Leadership } from './contracts/election.js';
export type { SharedFacts } from './contracts/facts.js';
export type {
  BatchRecord,
  Journal,
  JournalHead,
  JournalInfo,
  JournalReader,
  JournalRecord,
  JournalStore,
  JournalWriter,
  ProgressRecord,
  ReadFrom,
  RecordDraft,
  ResetRecord,
  Rewind,
  SnapshotReader,
  SnapshotRecord,
  SnapshotRef,
  SnapshotStore,
  StoredRecord,
  TermRecord,
} from './contracts/journal.js';
export type { OriginKeeper, OriginReading } from './contracts/origin.js';
export type { Claim, LiveNode, Owner, Ownership, OwnershipView } from './contracts/ownership.js';
export type { PagedRead, Source, SourceReader } from './contracts/source.js';
export { Fact, type FactKind, factName } from './coordination/fact.js';
export { type JournalHint, JournalHints } from './coordination/journal-hint.js';
export {
  type CoordinationPrefixes,
  coordinationPrefixes,
  LEASED_KEYS,
  type LeasedKey,
  type NodeInfo,
  parseNode,
} from './coordination/keys.js';
export {
  APPROVAL,
  type Approval,
  DESTINATION_FACTS,
  FACT_KINDS,
  HOLD,
  OFF_JOURNAL,
  PAUSE,
  type Pause,
  QUIESCED,
  RESYNC_ORDER,
  type ResyncOrder,
  ROUTES,
} from './coordination/kinds.js';
export { SnapshotRequests } from './coordination/snapshot-requests.js';
export {
  type Change,
  changeBytes,
  type Delete,
  type Entry,
  entryBytes,
  type KeyValue,
  NO_LEASE,
  type Put,
} from './model/change.js';
export { DESTINATION_STATES, type DestinationState } from './model/destination-state.js';
export { entryDigest } from './model/entry-digest.js';
export * from './model/errors.js';
export { type Anchor, historyBreak, type Journaled, type SourceIdentity } from './model/history.js';
export { BRAKE_NAMES, type BrakeName, type Hold, holdSchema } from './model/hold.js';
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
} from './model/key-range.js';
export { decodeOrigin, encodeOrigin, ORIGIN_KEY_SUFFIX, type Origin } from './model/origin.js';
export { parseJson } from './model/parse-json.js';
export { comparePositions, formatPosition, type Position, positionSchema } from './model/position.js';
export {
  destinationPrefix,
  type Region,
  type RoutePrefixes,
  type RouteRegions,
  regionsOverlap,
  routeRegions,
} from './model/region.js';
export { ReservedKeys } from './model/reserved-keys.js';
export { RESET_REASONS, type ResetReason } from './model/reset-reason.js';
export { type Write, writeBytes } from './model/write.js';
export { Backoff, type BackoffOptions } from './runtime/backoff.js';
export { BackwardWriter, MAX_FIELD_HEADER_BYTES, MAX_INTEGER_FIELD_BYTES } from './runtime/backward-writer.js';
export { Bell } from './runtime/bell.js';
export { aborted, type Clock, sleep, systemClock } from './runtime/clock.js';
export { eventLoopTurn } from './runtime/event-loop-turn.js';
export { type GatherOptions, type Group, gather } from './runtime/gather.js';
export { readToEnd, type Stretch } from './runtime/read-to-end.js';
export { Scope } from './runtime/scope.js';
export { SharedBudget } from './runtime/shared-budget.js';
export { unlessAborted } from './runtime/unless-aborted.js';
export { createLogger, type Logger, type LogLevel, silentLogger } from './telemetry/logger.js';
export { createMetrics, type Metrics } from './telemetry/metrics.js';
