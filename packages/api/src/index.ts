export { ApiClient, type ClientOptions } from './client.js';
export { type Endpoint, type Handler, LINES_TYPE, type Received, type Schema, type Shape } from './endpoint.js';
export { NodeUnreachableError, RequestFailedError, UnexpectedAnswerError } from './errors.js';
export type { Explanation } from './explanation.js';
export type { JournalInfoAnswer, Snapshot } from './journal.js';
export { openapiDocument } from './openapi.js';
export { type Output, type OutputName, parseOutput, parseRecordLine } from './outputs.js';
export {
  type Answer,
  endpoints,
  type Handlers,
  OPERATIONS,
  type OperationName,
  STREAMS,
  type StreamName,
  TEXTS,
  type TextName,
} from './paths.js';
export { PROBLEM_TYPE, type Problem, type ProblemStatus, problemSchema, statusOf } from './problem.js';
export { type RecordLine, recordToJson } from './records.js';
export type {
  DestinationReport,
  ForeignWrites,
  HopHealth,
  JournalStatus,
  LeaderReport,
  NodeStatus,
  NodeSummary,
  Pause,
  PipelineStatus,
  PlacedDestination,
  Readiness,
  Verified,
} from './status.js';
export { readinessSchema } from './status.js';
export { bytesFromJson, bytesToJson, formatJsonBytes, type JsonBytes } from './values.js';
export { differencesToJson, type KeyDifference, type PlanAnswer, type VerifyAnswer } from './verbs.js';
