import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { freePort } from './ports.js';
import { ProxiedConnection } from './proxied-connection.js';
import type { Direction, ProxyCounters, ProxyState } from './proxy-state.js';

const BOTH: readonly Direction[] = ['toServer', 'toClient'];

/** A TCP proxy that stands between a client and a server and does to their connection what networks do. */
export class FaultProxy implements AsyncDisposable {
  /** Ends what `holdFrom` began. */
  private held = new AbortController();
  private readonly live = new Set<ProxiedConnection>();
  private refusing = false;
  private readonly state: ProxyState = {
    counters: {
      connections: 0,
      refused: 0,
      cut: 0,
      bytesToServer: 0,
      bytesToClient: 0,
      droppedReplies: 0,
      held: 0,
    },
    delayMs: 0,
    blackHoles: {},
    dropReplyIn: 0,
    loseReplyTo: undefined,
    holdFrom: undefined,
  };

  private constructor(
    private readonly server: Server,
    private target: { host: string; port: number },
    /** `host:port` for the client. */
    readonly address: string,
  ) {
    server.on('connection', (socket) => this.accept(socket));
  }

  /** A proxy in front of `target` (`host:port`, as `Server.address` has it) that passes everything on. */
  static async start(target: string): Promise<FaultProxy> {
    const own = await freePort();
    const server = createServer({ allowHalfOpen: true });
    server.listen({ host: '127.0.0.1', port: own });
    await once(server, 'listening');
    return new FaultProxy(server, parseTarget(target), `127.0.0.1:${own}`);
  }

  get counters(): Readonly<ProxyCounters> {
    return this.state.counters;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.live.size;
  }

  /** New connections go to another server, as when a floating address moves; the old ones are broken. */
  redirect(target: string): void {
    this.target = parseTarget(target);
    this.cut();
  }

  /** Ends every fault. What a black hole held is delivered, as TCP does when a partition heals. */
  forward(): void {
    this.refusing = false;
    Object.assign(this.state, { delayMs: 0, dropReplyIn: 0, loseReplyTo: undefined, holdFrom: undefined });
    this.held.abort();
    this.held = new AbortController();
    for (const direction of BOTH) {
      this.state.blackHoles[direction]?.abort();
      this.state.blackHoles[direction] = undefined;
    }
  }

  /** Breaks all connections at once (RST). New ones are passed on. Returns how many there were. */
  cut(): number {
    const count = this.live.size;
    for (const connection of this.live) connection.break();
    this.state.counters.cut += count;
    return count;
  }

  /** Nothing passes and nothing is closed, also on new connections, until `forward`: both ways, or only one. */
  blackHole(...directions: readonly Direction[]): void {
    for (const direction of directions.length === 0 ? BOTH : directions) {
      this.state.blackHoles[direction] ??= new AbortController();
    }
  }

  /** Breaks all connections and turns new ones away, until `forward`. */
  refuse(): void {
    this.refusing = true;
    this.cut();
  }

  /** Every piece of data waits this long, in either direction; throughput falls with it. 0 ends it. */
  delay(ms: number): void {
    this.state.delayMs = ms;
  }

  /** Throws away the n-th piece of reply from now (1: the next) and breaks its connection: a half-read answer. */
  dropReply(nth: number): void {
    this.state.dropReplyIn = nth;
  }

  /**
   * The next request that contains `pattern` reaches the server, and from then on nothing comes back on its connection:
   * the write happened and its writer cannot know. The connection stays open until `cut`.
   */
  loseReplyTo(pattern: string | Buffer): void {
    this.state.loseReplyTo = Buffer.from(pattern);
  }

  /**
   * The next request that contains `pattern` is held, with whatever follows it on its connection, until `forward`. What
   * came before it passes, and other connections do.
   */
  holdFrom(pattern: string): void {
    this.state.holdFrom = { pattern: Buffer.from(pattern), held: this.held };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.forward();
    for (const connection of this.live) connection.break();
    this.server.close();
    if (this.server.listening) await once(this.server, 'close');
  }

  /** Takes a connection that somebody else accepted. */
  accept(client: Socket): void {
    if (this.refusing) {
      this.state.counters.refused += 1;
      client.resetAndDestroy();
      return;
    }
    this.state.counters.connections += 1;
    const connection = new ProxiedConnection({ client, target: this.target, state: this.state });
    this.live.add(connection);
    void connection.ended.then(() => this.live.delete(connection));
  }
}

function parseTarget(target: string): { host: string; port: number } {
  const { hostname, port } = new URL(`tcp://${target}`);
  return { host: hostname, port: Number(port) };
}
