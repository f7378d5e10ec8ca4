import {
  AccessDeniedError,
  AmbiguousWriteError,
  DestinationFullError,
  type ErrorDetails,
  isCertificateCode,
  TidemarkError,
  UnavailableError,
  WrongTypeError,
} from '@tidemark/core';
import { ReplyError } from 'ioredis';

/** A Redis Cluster was found where keyPrefix does not keep all keys in one slot. */
export class HashTagMissingError extends TidemarkError {
  readonly code = 'HASH_TAG_MISSING';
  override readonly permanent = true;
}

/** Another node of the cluster has our keys. */
export class MovedError extends UnavailableError {
  constructor(
    details: ErrorDetails,
    /** `host:port`; the host is empty when it is the one that was asked. */
    readonly address: string,
  ) {
    super(details);
  }
}

/** The server does not know a script: it was restarted, or somebody emptied its cache of scripts. */
export class ScriptUnknownError extends UnavailableError {}

/** What was asked, and whether silence means "maybe". */
export interface CallContext {
  readonly address: string;
  /** Only a write can be ambiguous. */
  readonly kind: 'read' | 'write';
}

type Verdict = { readonly type: new (details: ErrorDetails) => TidemarkError; readonly remedy: string };

const verdict = (type: Verdict['type'], remedy: string): Verdict => ({ type, remedy });

const LATER = verdict(UnavailableError, 'Tidemark tries again by itself; look at this server when it does not pass.');
const REPLICA = verdict(
  UnavailableError,
  'Name the master, or configure `sentinel`. After a failover Tidemark finds the new master by itself.',
);
const MOVING = verdict(UnavailableError, 'Nothing to do while slots move or a node fails over: Tidemark tries again.');
const DISK = verdict(
  UnavailableError,
  'The server cannot save to its disk and refuses writes: see its log, `INFO persistence`, and the free space.',
);
const RIGHTS = verdict(
  AccessDeniedError,
  'Check auth, and that the user may run what deploy/README.md lists, on all keys below keyPrefix.',
);
const CERTIFICATE = verdict(
  UnavailableError,
  'Check tls.ca, tls.cert and tls.key of this destination, and when the certificates on both sides expire.',
);

/** The first word of an error reply is its code: part of the protocol, and the same in every version that has it. */
const REPLIES: ReadonlyMap<string, Verdict> = new Map([
  ['LOADING', verdict(UnavailableError, 'Nothing to do: the server reads its data from disk.')],
  [
    'BUSY',
    verdict(
      UnavailableError,
      "Somebody's script runs for longer than `lua-time-limit`. Let it end: one of ours that was killed would be half done.",
    ),
  ],
  ['READONLY', REPLICA],
  ['MASTERDOWN', REPLICA],
  ['NOREPLICAS', verdict(UnavailableError, 'Bring the replicas back that `min-replicas-to-write` asks for.')],
  ['MISCONF', DISK],
  ['CLUSTERDOWN', MOVING],
  ['TRYAGAIN', MOVING],
  ['ASK', MOVING],
  ['NOAUTH', RIGHTS],
  ['WRONGPASS', RIGHTS],
  ['NOPERM', RIGHTS],
  [
    'OOM',
    verdict(
      DestinationFullError,
      'Raise `maxmemory`, or free memory. Nothing was written; Tidemark goes on by itself.',
    ),
  ],
  ['NOSCRIPT', verdict(ScriptUnknownError, 'Nothing to do: the script is sent again.')],
  [
    'WRONGTYPE',
    verdict(WrongTypeError, 'Rename or delete that key, or set keyPrefix to a prefix that nobody else uses.'),
  ],
]);

/**
 * Turns an error of ioredis into one of core's classes. The only place that looks at codes and texts.
 *
 * The original never becomes a cause: ioredis hangs the whole command on it, with values and passwords.
 */
export function castError(error: unknown, context: CallContext): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const { text, code } = describe(error);
  const message = `Redis at ${context.address}: ${text}`;
  if (error instanceof ReplyError) return castReply(text, message);
  const silence = isCertificateCode(code) ? CERTIFICATE : LATER;
  // Also when TLS failed: a write is sent on a connection that was opened, and its bytes may have arrived before.
  const { type, remedy } = context.kind === 'write' ? { ...silence, type: AmbiguousWriteError } : silence;
  return new type({ message, remedy });
}

/** The connection could not be opened: nothing was sent. */
export function castConnectError(error: unknown, address: string): TidemarkError {
  return castError(error, { address, kind: 'read' });
}

function castReply(text: string, message: string): TidemarkError {
  const [code = '', , moved = ''] = text.split(' ');
  if (code === 'MOVED') return new MovedError({ message, remedy: MOVING.remedy }, moved);
  const { type, remedy } = REPLIES.get(code) ?? (DENIED_TEXT.test(text) ? RIGHTS : LATER);
  return new type({ message, remedy });
}

/** Before 7.2, what a script may not do is answered without a code (script.c, scriptVerifyACL). */
const DENIED_TEXT = /^ERR .*can't run this command/;

/** An unknown command is quoted with its first arguments, which are keys and values. */
const QUOTED_ARGUMENTS = /, with args beginning with.*$/s;

function describe(error: unknown): { text: string; code: string } {
  if (!(error instanceof Error)) return { text: String(error), code: '' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { text: error.message.replace(QUOTED_ARGUMENTS, ''), code };
}
