import { setMaxListeners } from 'node:events';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { AmbiguousWriteError, type EtcdHopConfig, InvariantError, UnavailableError } from '@tidemark/core';
import { readLogin, readTls } from './credentials.js';
import { Member } from './member.js';
import type { Method } from './methods.js';

/** A healthy etcd answers in milliseconds; one that elects a leader needs one to two seconds. */
const DEFAULT_TIMEOUT_MS = 5_000;

export interface CallOptions {
  readonly signal: AbortSignal;
  /** Only a write without an answer is ambiguous. */
  readonly kind: 'read' | 'write';
  /** The write may be sent again, to another member, when no answer came: it is guarded by a compare, or idempotent. */
  readonly repeatable?: boolean;
  /** Milliseconds for one attempt; 5,000 when absent. */
  readonly timeoutMs?: number;
}

export interface EtcdClientOptions {
  /** Bytes of a watch that may be on the way and here unread; 4 MiB unless told. */
  readonly watchWindowBytes?: number;
}

export interface OpenStream<Req, Res> {
  readonly stream: ClientDuplexStream<Req, Res>;
  readonly member: Member;
}

/**
 * An etcd cluster. Calls go to one member, and stay with it until it fails; then the next one is asked. Give each
 * purpose (election, source, every destination) a client of its own, so that trouble in one cannot reach another.
 */
export class EtcdClient {
  private opened: readonly Member[] | null = null;
  private preferred = 0;

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
      const member = this.member();
      try {
        return await member.call(method, request, { kind, signal, timeoutMs });
      } catch (error) {
        // A later attempt that surely did nothing does not make an earlier one certain.
        if (!(error instanceof UnavailableError) || signal.aborted) throw ambiguous ?? error;
        this.avoid(member);
        if (error instanceof AmbiguousWriteError) ambiguous ??= error;
        const final = attempt >= this.members.length || (ambiguous !== null && !repeatable);
        if (final) throw ambiguous ?? error;
      }
    }
  }

  /** Opens a stream on the preferred member. Tell `avoid` when it breaks. */
  async open<Req, Res>(method: Method<Req, Res>, signal: AbortSignal): Promise<OpenStream<Req, Res>> {
    setMaxListeners(0, signal);
    const member = this.member();
    try {
      const stream = await member.open(method, { kind: 'read', signal, timeoutMs: DEFAULT_TIMEOUT_MS });
      return { stream, member };
    } catch (error) {
      this.avoid(member);
      throw member.cast(error, 'read');
    }
  }

  /** The next call goes to another member, if there is one; without an argument, to another than the last one did. */
  avoid(member: Member = this.member()): void {
    if (this.member() === member) this.preferred = (this.preferred + 1) % this.members.length;
  }

  close(): void {
    for (const member of this.opened ?? []) member.close();
  }

  /** Read when they are needed first: a file that is not there is the trouble of this hop, and no reason to end. */
  private get members(): readonly Member[] {
    this.opened ??= this.openMembers();
    return this.opened;
  }

  /** @throws AccessDeniedError when a file cannot be read */
  private openMembers(): readonly Member[] {
    const { auth, endpoints, tls } = this.hop;
    const login = readLogin(auth);
    return endpoints.map((url) => {
      const endpoint = withPort(url);
      const credentials = endpoint.startsWith('https:') ? readTls(tls) : undefined;
      return new Member({ endpoint, credentials, login, ...this.options });
    });
  }

  private member(): Member {
    const member = this.members[this.preferred];
    if (member === undefined) throw new InvariantError('an etcd client needs at least one endpoint');
    return member;
  }
}

/** `scheme://host:port`: gRPC would take a missing port for 443, and etcd3 passes a path on as part of the host. */
function withPort(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${protocol}//${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}
