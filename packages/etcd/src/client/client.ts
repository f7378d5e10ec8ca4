import { setMaxListeners } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import {
  AccessDeniedError,
  AmbiguousWriteError,
  type EtcdHopConfig,
  InvariantError,
  type TidemarkError,
  UnavailableError,
} from '@tidemark/core';
import { type Credentials, readCredentials } from './credentials.js';
import { CertificateError } from './errors.js';
import { Member } from './member.js';
import type { Method } from './methods.js';

/** A healthy etcd answers in milliseconds; one that elects a leader needs one to two seconds. */
const DEFAULT_TIMEOUT_MS = 5_000;

export interface CallOptions {
  readonly signal: AbortSignal;
  /** Only a write without an answer is ambiguous. */
  readonly kind: 'read' | 'write';
  /** Whether the write may be sent again, to another member, when no answer came: a compare guards it, or it is idempotent. */
  readonly repeatable?: boolean;
  /** Milliseconds for one attempt; 5,000 when absent. */
  readonly timeoutMs?: number;
}

export interface EtcdClientOptions {
  /** Bytes of a watch that may be in flight or unread; 4 MiB by default. */
  readonly watchWindowBytes?: number;
}

export interface OpenStream<Req, Res> {
  readonly stream: ClientDuplexStream<Req, Res>;
  readonly member: Member;
}

/**
 * An etcd cluster. Calls go to one member until it fails, then to the next one. Give each purpose (election, source, every
 * destination) a client of its own: a fault in one cannot reach another.
 */
export class EtcdClient {
  private opened: { readonly credentials: Credentials; readonly members: readonly Member[] } | null = null;
  private preferred = 0;
  private closed = false;

  constructor(
    private readonly hop: EtcdHopConfig,
    private readonly options: EtcdClientOptions = {},
  ) {}

  /**
   * One request and its answer, from the first member that gives one. Each member is asked at most once.
   * @throws AmbiguousWriteError when a write that is not repeatable was sent and no answer came
   * @throws UnavailableError when no member answers, or the signal aborts
   * @throws AccessDeniedError when certificates or password cannot be read
   */
  async call<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): Promise<Res> {
    const { kind, signal, repeatable = kind === 'read', timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    // One signal is shared by many calls at once on purpose; Node would warn from the eleventh on.
    setMaxListeners(0, signal);
    let ambiguous: AmbiguousWriteError | null = null;
    for (let attempt = 1; ; attempt++) {
      const member = this.memberUnless(ambiguous);
      try {
        return await member.call(method, request, { kind, signal, timeoutMs });
      } catch (error) {
        this.renewAfter(error);
        // An earlier attempt stays in doubt, even when a later one certainly did nothing.
        if (!(error instanceof UnavailableError) || signal.aborted) throw ambiguous ?? error;
        this.avoid(member);
        if (error instanceof AmbiguousWriteError) ambiguous ??= error;
        const final = attempt >= this.hop.endpoints.length || (ambiguous !== null && !repeatable);
        if (final) throw ambiguous ?? error;
      }
    }
  }

  /** Opens a stream on the preferred member. It fails with raw gRPC errors: pass them to `failed`, and call `avoid`. */
  async open<Req, Res>(method: Method<Req, Res>, signal: AbortSignal): Promise<OpenStream<Req, Res>> {
    setMaxListeners(0, signal);
    const member = this.member();
    try {
      const stream = await member.open(method, { kind: 'read', signal, timeoutMs: DEFAULT_TIMEOUT_MS });
      return { stream, member };
    } catch (error) {
      this.avoid(member);
      throw this.failed(member, error);
    }
  }

  /** Casts the error with which a stream of this member failed. */
  failed(member: Member, error: unknown): TidemarkError {
    const cast = member.cast(error, 'read');
    // Each service has a connection of its own: calls may succeed while streams are refused.
    this.renewAfter(cast);
    return cast;
  }

  /** The next call goes to another member, if there is one; without an argument, to another than the last one did. */
  avoid(member?: Member): void {
    const current = this.opened?.members[this.preferred];
    if (member === undefined || member === current) this.preferred = (this.preferred + 1) % this.hop.endpoints.length;
  }

  close(): void {
    this.closed = true;
    for (const member of this.opened?.members ?? []) member.close();
  }

  /**
   * Reconnects with replaced files, once the old ones were refused. Connections stay until then, and while the new files
   * cannot be used: a replacement may be half done.
   */
  private renewAfter(error: unknown): void {
    if (!(error instanceof CertificateError || error instanceof AccessDeniedError) || this.opened === null) return;
    const { credentials, members } = this.opened;
    const now = this.readAgain();
    if (now === null || isDeepStrictEqual(now, credentials)) return;
    this.opened = null;
    for (const member of members) member.close();
  }

  /** Null while a file cannot be read or used. */
  private readAgain(): Credentials | null {
    try {
      return readCredentials(this.hop);
    } catch (error) {
      if (error instanceof AccessDeniedError) return null;
      throw error;
    }
  }

  /** Opened by the first call: a missing file then fails this hop only, instead of the whole process. */
  private get members(): readonly Member[] {
    if (this.closed) throw clientClosed();
    this.opened ??= this.openMembers();
    return this.opened.members;
  }

  /** @throws AccessDeniedError when a file cannot be read */
  private openMembers(): NonNullable<EtcdClient['opened']> {
    const credentials = readCredentials(this.hop);
    const { tls, login } = credentials;
    const members = this.hop.endpoints.map(withPort).map((endpoint) => {
      const encrypted = endpoint.startsWith('https:') && tls !== null;
      return new Member({ endpoint, credentials: encrypted ? tls : undefined, login, ...this.options });
    });
    return { credentials, members };
  }

  /** The next member to call. Throws `ambiguous` instead of its own error: a write in doubt stays in doubt. */
  private memberUnless(ambiguous: AmbiguousWriteError | null): Member {
    try {
      return this.member();
    } catch (error) {
      throw ambiguous ?? error;
    }
  }

  private member(): Member {
    const member = this.members[this.preferred];
    if (member === undefined) throw new InvariantError('an etcd client needs at least one endpoint');
    return member;
  }
}

function clientClosed(): UnavailableError {
  return new UnavailableError({
    message: 'a client of etcd was used after it was closed',
    remedy: 'Nothing to do: Tidemark is stopping this work.',
  });
}

/** `scheme://host:port`: gRPC would take a missing port for 443, and etcd3 passes a path on as part of the host. */
function withPort(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${protocol}//${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}
