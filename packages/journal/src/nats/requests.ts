import {
  createInbox,
  ErrorCode,
  type Msg,
  type MsgHdrs,
  type NatsConnection as NatsClient,
  NatsError,
  type Status,
  type Subscription,
} from 'nats';

export interface RequestMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs;
  /** In milliseconds. */
  readonly timeoutMs: number;
}

/** A request without an answer yet. */
interface Pending {
  readonly subject: string;
  /** By `performance.now()`. */
  readonly deadline: number;
  readonly resolve: (answer: Msg) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Requests of one connection, on one subscription that stays. For each request, nats.js's own `request` makes a random
 * subject, a timer, three promises and a race, which is a noticeable part of the latency of a single change.
 */
export class Requests {
  private readonly inbox = createInbox();
  private subscription: Subscription | null = null;
  private count = 0;
  /** By the subject of the answer. An answer that comes too late finds no entry. */
  private readonly pending = new Map<string, Pending>();
  /** One timer for all requests. It keeps running after an answer, and then finds nothing to do. */
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly nats: NatsClient) {}

  /** @throws NatsError `503` when nobody listens, `TIMEOUT`, or when the server refuses the subject */
  ask({ subject, payload, headers, timeoutMs }: RequestMessage): Promise<Msg> {
    this.subscription ??= this.subscribe();
    return new Promise((resolve, reject) => {
      const reply = `${this.inbox}.${++this.count}`;
      this.nats.publish(subject, payload, { headers, reply });
      this.pending.set(reply, { subject, deadline: performance.now() + timeoutMs, resolve, reject });
      this.timer ??= this.wait(timeoutMs);
    });
  }

  /** A lost connection loses the answers: waiting for timeouts would only delay the next attempt. */
  lose(): void {
    this.rejectAll(new Error('the connection was lost'));
  }

  /** A status of the server: a request that it does not permit is never answered, so it fails here. */
  notice({ permissionContext }: Status): void {
    if (permissionContext?.operation !== 'publish') return;
    const { subject } = permissionContext;
    this.rejectAll(failure(ErrorCode.PermissionsViolation, `no right to publish to ${subject}`), subject);
  }

  private subscribe(): Subscription {
    return this.nats.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.receive(message);
        else this.refused(error);
      },
    });
  }

  /** nats.js has closed the subscription. The next request subscribes again, because rights may change at run time. */
  private refused(error: Error): void {
    this.subscription = null;
    this.rejectAll(error);
  }

  private receive(message: Msg): void {
    const request = this.take(message.subject);
    if (request === null) return;
    if (message.data.length === 0 && message.headers?.code === NO_RESPONDERS) {
      request.reject(failure(ErrorCode.NoResponders, 'no stream or service listens'));
    } else {
      request.resolve(message);
    }
  }

  private wait(ms: number): NodeJS.Timeout {
    // The connection, not the timer, keeps the process alive.
    return setTimeout(() => this.expire(), ms).unref();
  }

  private expire(): void {
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [reply, { deadline }] of this.pending) {
      if (deadline <= now) this.take(reply)?.reject(failure(ErrorCode.Timeout, 'timeout'));
      else next = Math.min(next, deadline);
    }
    this.timer = this.pending.size === 0 ? null : this.wait(next - now);
  }

  private rejectAll(error: Error, subject?: string): void {
    for (const [reply, request] of this.pending) {
      if (subject === undefined || request.subject === subject) this.take(reply)?.reject(error);
    }
  }

  private take(reply: string): Pending | null {
    const request = this.pending.get(reply);
    if (request === undefined) return null;
    this.pending.delete(reply);
    return request;
  }
}

const NO_RESPONDERS = 503;

function failure(code: string, message: string): NatsError {
  return new NatsError(message, code);
}
