import { status } from '@grpc/grpc-js';
import {
  AccessDeniedError,
  AmbiguousWriteError,
  DestinationFullError,
  type ErrorDetails,
  InvariantError,
  RequestTooLargeError,
  SourceCompactedError,
  SourceRewoundError,
  TidemarkError,
  UnavailableError,
} from '@tidemark/core';

/** The member does not know the token of this connection: authenticate again and repeat. */
export class InvalidTokenError extends AccessDeniedError {}

/** The cluster has authentication turned off: no token is needed. */
export class AuthNotEnabledError extends AccessDeniedError {}

/** The lease expired or was revoked. */
export class LeaseNotFoundError extends TidemarkError {
  readonly code = 'LEASE_NOT_FOUND';
}

/** Authentication is on, and the request carried no token: it was turned on recently, or no user is configured. */
export class NoTokenError extends AccessDeniedError {}

/** A transaction has more operations than `--max-txn-ops` allows. */
export class TooManyOperationsError extends RequestTooLargeError {}

/** The answer is larger than this process takes in one piece: ask for less. */
export class AnswerTooLargeError extends RequestTooLargeError {}

/** The call that failed; decides whether a missing answer leaves a write in doubt. */
export interface CallContext {
  readonly endpoint: string;
  /** Only a write can be ambiguous. */
  readonly kind: 'read' | 'write';
}

/** One side does not accept the other's certificate: nothing was sent. */
export class CertificateError extends UnavailableError {}

type Factory = new (details: ErrorDetails) => TidemarkError;
type Verdict = { readonly type: Factory; readonly remedy: string };

const verdict = (type: Factory, remedy: string): Verdict => ({ type, remedy });

const LATER = verdict(UnavailableError, 'Tidemark tries again by itself. Check this member if it lasts.');
const CERTIFICATE = verdict(
  CertificateError,
  'Check tls.ca, tls.cert and tls.key of this hop, and when the certificates on both sides expire.',
);
const RIGHTS = verdict(
  AccessDeniedError,
  'Check the user, its password, and that its role allows the whole range: see deploy/README.md.',
);
const TOKEN = verdict(
  InvalidTokenError,
  'Tidemark authenticates again by itself. Check the clock and the user if it repeats.',
);

/**
 * etcd's own error texts (api/v3rpc/rpctypes/error.go), which are more exact than the gRPC code. They are part of etcd's
 * interface: its official clients compare them too. After each of these errors nothing was written.
 */
const KNOWN_TEXTS: readonly (readonly [text: string, verdict: Verdict])[] = [
  [
    'required revision has been compacted',
    verdict(SourceCompactedError, 'Nothing to do: the leader takes a new snapshot.'),
  ],
  [
    'required revision is a future revision',
    verdict(SourceRewoundError, 'Check whether this cluster was restored from a backup.'),
  ],
  [
    'database space exceeded',
    verdict(
      DestinationFullError,
      'On this cluster, in this order: `etcdctl compact REVISION`, with the revision that `etcdctl endpoint status -w json` shows; `etcdctl defrag --cluster`; `etcdctl alarm disarm`. When it is full of live keys, raise --quota-backend-bytes first.',
    ),
  ],
  [
    'request is too large',
    verdict(RequestTooLargeError, "Raise --max-request-bytes on this cluster to at least the source's."),
  ],
  [
    'too many operations in txn request',
    verdict(TooManyOperationsError, 'Raise --max-txn-ops on this cluster to at least 128, its default.'),
  ],
  ['requested lease not found', verdict(LeaseNotFoundError, 'Nothing to do: a new lease is granted.')],
  ['invalid auth token', TOKEN],
  ['revision of auth store is old', TOKEN],
  ['authentication is not enabled', { ...RIGHTS, type: AuthNotEnabledError }],
  ['permission denied', RIGHTS],
  ['authentication failed', RIGHTS],
  [
    'user name is empty',
    verdict(NoTokenError, 'Authentication is on at this cluster: set auth.username and auth.passwordFile of this hop.'),
  ],
  ['user name not found', RIGHTS],
  ['too many requests', LATER],
];

/** grpc-js' text for an answer above `grpc.max_receive_message_length`. Only its length was read. */
const ANSWER_TOO_LARGE_TEXT = 'Received message larger than max';

/** grpc-js' texts for a call that never left this process. */
const NEVER_SENT_TEXTS = ['No connection established', 'Name resolution failed', 'Failed to start HTTP/2 stream'];

/**
 * grpc-js' texts for a call whose stream the server broke off: etcd does so with all calls of a connection on which it
 * counts too many pings. They come with the code of a refusal, although the request may have been carried out.
 */
const BROKEN_OFF_TEXTS = ['Bandwidth exhausted or memory limit exceeded', 'Protocol not secure enough'];

/** Replaces the prefix of OpenSSL's texts. */
const TLS_TEXT = 'TLS: ';

/** grpc-js' texts for an error thrown by an encoder or decoder: a defect, whichever member is called. */
const CODEC_TEXTS = ['Response message parsing error', 'Request message serialization failure'];

/** Codes after which a request may have been carried out although no answer came. */
const SILENCE: ReadonlySet<status> = new Set([
  status.CANCELLED,
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.INTERNAL,
  status.UNAVAILABLE,
]);

/**
 * Turns an error of grpc-js or etcd3 into one of core's classes. The only place that reads gRPC codes and etcd's texts; all
 * other code decides by class.
 */
export function castError(error: unknown, context: CallContext): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const { code, text } = describe(error);
  const known = KNOWN_TEXTS.find(([part]) => text.includes(part))?.[1] ?? verdictOfCode(code, text, context);
  if (known === undefined) return new InvariantError(`etcd at ${context.endpoint} refused a request: ${text}`);
  const message = `etcd at ${context.endpoint}: ${text}`;
  return new known.type({ message, remedy: known.remedy, cause: error });
}

function verdictOfCode(code: status, text: string, context: CallContext): Verdict | undefined {
  if (CODEC_TEXTS.some((part) => text.includes(part))) return undefined;
  if (SILENCE.has(code) || BROKEN_OFF_TEXTS.includes(text)) {
    const neverSent = NEVER_SENT_TEXTS.some((part) => text.includes(part));
    if (neverSent && (text.includes('certificate') || text.includes(TLS_TEXT))) return CERTIFICATE;
    return context.kind === 'write' && !neverSent ? { ...LATER, type: AmbiguousWriteError } : LATER;
  }
  if (code === status.UNAUTHENTICATED) return TOKEN;
  if (code === status.PERMISSION_DENIED) return RIGHTS;
  if (code === status.RESOURCE_EXHAUSTED) {
    if (text.includes(ANSWER_TOO_LARGE_TEXT)) {
      return verdict(AnswerTooLargeError, 'Tidemark reads fewer keys at once. A single key must be smaller than this.');
    }
    return verdict(
      RequestTooLargeError,
      'Raise --max-request-bytes on this cluster, or the limit of a proxy before it.',
    );
  }
  if (code === status.UNIMPLEMENTED) return verdict(UnavailableError, 'Tidemark needs etcd 3.4 or newer.');
  // Corruption or an unreadable store: another member may be healthy.
  if (code === status.DATA_LOSS || code === status.FAILED_PRECONDITION) return LATER;
  return undefined;
}

/** grpc-js sets `code`; etcd3's own classes keep only the message, which begins with the code's number. */
function describe(error: unknown): { code: status; text: string } {
  if (!(error instanceof Error)) return { code: status.UNKNOWN, text: String(error) };
  const numbered = /^(\d+) [A-Z_]+: (.*)$/s.exec(error.message);
  const code = 'code' in error && typeof error.code === 'number' ? error.code : Number(numbered?.[1] ?? status.UNKNOWN);
  return { code, text: inOneLine(numbered?.[2] ?? error.message) };
}

/**
 * Removes empty notes and times, which grpc-js adds, and numbers and places in the source, which OpenSSL adds. The same
 * fault then has the same text each time.
 */
function inOneLine(text: string): string {
  return text
    .replace(/\b[0-9A-F]+:error:[0-9A-F]+:SSL routines:[^:]*:/g, TLS_TEXT)
    .replace(/:\.\.\/\S+( alert number \d+)?/g, '')
    .replace(/\s*\(\d{4}-\d\d-\d\dT[^)]*\)/g, '')
    .replace(/\s*Resolution note:\s*$/, '')
    .replace(/\s+/g, ' ')
    .trim();
}
