import {
  AccessDeniedError,
  AmbiguousWriteError,
  describeError,
  FencedError,
  isCertificateCode,
  JournalFullError,
  JournalReplacedError,
  RequestTooLargeError,
  TidemarkError,
  UnavailableError,
} from '@tidemark/core';
import { ErrorCode, NatsError } from 'nats';

/**
 * JetStream's own error numbers, which are stable across server versions (server/errors.json). The NatsError's `code` is
 * not enough: a full stream and a missing responder are both "503".
 */
export const ApiErrorCode = {
  accountResourcesExceeded: 10002,
  noSuitablePeers: 10005,
  consumerNotFound: 10014,
  insufficientResources: 10023,
  noMessageFound: 10037,
  notEnabledForAccount: 10039,
  storageResourcesExceeded: 10047,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  streamNotMatch: 10060,
  wrongLastSequence: 10071,
  notEnabled: 10076,
  storeFailed: 10077,
} as const;

const FULL: readonly number[] = [
  ApiErrorCode.accountResourcesExceeded,
  ApiErrorCode.insufficientResources,
  ApiErrorCode.storageResourcesExceeded,
  ApiErrorCode.storeFailed,
];

const DENIED: readonly string[] = [
  ErrorCode.AuthorizationViolation,
  ErrorCode.AuthenticationExpired,
  ErrorCode.AuthenticationTimeout,
  ErrorCode.AccountExpired,
  ErrorCode.PermissionsViolation,
  ErrorCode.BadAuthentication,
  ErrorCode.BadCreds,
];

const CERTIFICATES =
  'Check journal.tls.ca, journal.tls.cert and journal.tls.key, and when the certificates on both sides expire.';

export function apiErrorCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined;
}

/** Casts the error of a read, or of a change of configuration. `doing` completes "NATS: could not ...". */
export function castError(error: unknown, doing: string): TidemarkError {
  return castKnown(error, doing) ?? unavailable(error, doing);
}

/** Casts the error of opening a connection. @param encrypted whether TLS was requested */
export function castConnectError(error: unknown, doing: string, encrypted: boolean): TidemarkError {
  // A file could not be read: nats.js wraps errors that are thrown while it connects.
  if (error instanceof NatsError && error.chainedError instanceof TidemarkError) return error.chainedError;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (isCertificateCode(code)) {
    const message = `NATS: could not ${doing}: ${describeError(error)}.`;
    return new UnavailableError({ message, remedy: CERTIFICATES, cause: error });
  }
  if (encrypted && code === ErrorCode.Timeout) {
    // With TLS 1.3 a server refuses our certificate after the connection looks complete, and nats.js waits for an answer.
    return new UnavailableError({
      message: `NATS: could not ${doing}: no answer, or our certificate was refused.`,
      remedy: `Read the logs of the NATS servers. ${CERTIFICATES}`,
      cause: error,
    });
  }
  return castError(error, doing);
}

/** Casts the error of an append. Without an answer the append is in doubt: the record may be stored or not. */
export function castAppendError(error: unknown, doing: string): TidemarkError {
  const known = castKnown(error, doing);
  if (known !== null) return known;
  // "No responders" is an answer: no stream listens on the subject, so nothing was stored. An API error is an answer too.
  // After any other error the append is in doubt.
  const answered =
    error instanceof NatsError && (error.code === ErrorCode.NoResponders || error.api_error !== undefined);
  if (answered) return unavailable(error, doing);
  return new AmbiguousWriteError({
    message: `NATS: no answer to ${doing}: ${describeError(error)}.`,
    remedy: 'Nothing to do: the leader reads the end of the journal and continues from there.',
    cause: error,
  });
}

function castKnown(error: unknown, doing: string): TidemarkError | null {
  if (error instanceof TidemarkError) return error;
  if (!(error instanceof NatsError)) return null;
  const message = `NATS: could not ${doing}: ${error.api_error?.description ?? error.message}.`;
  const code = error.api_error?.err_code;
  if (code === ApiErrorCode.wrongLastSequence) return fenced(message, error);
  if (code === ApiErrorCode.streamNotMatch) return replaced(message, error);
  if (code !== undefined && FULL.includes(code)) return full(message, error);
  if (DENIED.includes(error.code)) return denied(message, error);
  if (error.code === ErrorCode.MaxPayloadExceeded) {
    return new RequestTooLargeError({
      message,
      remedy: 'Set the same max_payload on all NATS servers.',
      cause: error,
    });
  }
  return null;
}

function unavailable(error: unknown, doing: string): UnavailableError {
  const code = apiErrorCode(error);
  const description =
    error instanceof NatsError ? (error.api_error?.description ?? error.message) : describeError(error);
  return new UnavailableError({
    message: `NATS: could not ${doing}: ${description}.`,
    remedy: remedyFor(code),
    cause: error,
  });
}

function remedyFor(code: number | undefined): string {
  switch (code) {
    case ApiErrorCode.notEnabled:
    case ApiErrorCode.notEnabledForAccount:
      return 'Enable JetStream on the NATS servers, and for the account.';
    case ApiErrorCode.noSuitablePeers:
      return 'It is tried again. Start at least as many NATS servers with JetStream as journal.replicas asks for.';
    case ApiErrorCode.streamNotFound:
      return 'The leader creates the stream when it takes over. Check with `tidemark status` that a node leads.';
    default:
      return 'It is tried again. Check that the NATS servers run, are reachable, and have a JetStream leader.';
  }
}

function fenced(message: string, cause: NatsError): FencedError {
  return new FencedError({ message, remedy: 'Nothing to do: another leader writes the journal.', cause });
}

function replaced(message: string, cause: NatsError): JournalReplacedError {
  return new JournalReplacedError({ message, remedy: 'See the runbook on a replaced journal.', cause });
}

function full(message: string, cause: NatsError): JournalFullError {
  return new JournalFullError({
    message,
    remedy: 'Give JetStream more storage (max_file_store, the limits of the account), or lower journal.maxBytes.',
    cause,
  });
}

function denied(message: string, cause: NatsError): AccessDeniedError {
  return new AccessDeniedError({
    message,
    remedy: 'Check journal.credentialsFile and the rights of its user; docs/journal-format.md lists the subjects.',
    cause,
  });
}
