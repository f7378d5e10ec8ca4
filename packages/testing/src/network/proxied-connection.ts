import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { aborted, sleep } from '@tidemark/core';
import type { Direction, ProxyState } from './proxy-state.js';

interface Endpoints {
  readonly client: Socket;
  readonly target: { readonly host: string; readonly port: number };
  readonly state: ProxyState;
}

/** One client's connection through a FaultProxy: two pumps, one for each direction, that obey the proxy's state. */
export class ProxiedConnection {
  /** Resolves when both sides are closed; never rejects, because broken connections are the trade of a proxy. */
  readonly ended: Promise<void>;
  private readonly client: Socket;
  private readonly server: Socket;
  private readonly state: ProxyState;
  private readonly closing = new AbortController();
  private silenced = false;
  /** Aborted when what is held on the way to the server may go on. */
  private held: AbortController | undefined;

  constructor({ client, target, state }: Endpoints) {
    this.client = client;
    this.state = state;
    this.server = connect({ ...target, allowHalfOpen: true });
    client.setNoDelay(true);
    this.server.setNoDelay(true);
    this.ended = this.run();
  }

  /** Both sides get a reset, as when a host vanishes and its peer asks again. */
  break(): void {
    this.closing.abort();
    reset(this.client);
    reset(this.server);
  }

  private async run(): Promise<void> {
    // A side that fails without a pump reading it would otherwise be an uncaught 'error'.
    for (const socket of [this.client, this.server]) socket.on('error', () => this.break());
    await Promise.allSettled([
      this.pump(this.client, this.server, 'toServer'),
      this.pump(this.server, this.client, 'toClient'),
    ]);
    this.closing.abort();
    this.client.destroy();
    this.server.destroy();
  }

  private async pump(from: Socket, to: Socket, direction: Direction): Promise<void> {
    for await (const piece of from as AsyncIterable<Buffer>) {
      if (direction === 'toServer') this.beginHolding(piece);
      await this.hold(direction);
      if (this.state.delayMs > 0) await sleep(this.state.delayMs, this.closing.signal);
      if (direction === 'toServer') this.watchRequest(piece);
      else if (this.losesReply()) continue;
      if (this.closing.signal.aborted) return;
      this.state.counters[direction === 'toServer' ? 'bytesToServer' : 'bytesToClient'] += piece.length;
      if (!to.write(piece)) await once(to, 'drain', { signal: this.closing.signal });
    }
    await this.hold(direction);
    to.end();
  }

  private beginHolding(piece: Buffer): void {
    const { holdFrom } = this.state;
    if (holdFrom === undefined || !piece.includes(holdFrom.pattern)) return;
    this.state.holdFrom = undefined;
    this.held = holdFrom.held;
  }

  /** What keeps a piece from passing now. */
  private hole(direction: Direction): AbortController | undefined {
    const isHeld = direction === 'toServer' && this.held?.signal.aborted === false;
    return isHeld ? this.held : this.state.blackHoles[direction];
  }

  /** Waits while the proxy is a black hole, or holds this connection. */
  private async hold(direction: Direction): Promise<void> {
    if (this.hole(direction) !== undefined) this.state.counters.held += 1;
    for (;;) {
      const hole = this.hole(direction);
      if (hole === undefined || this.closing.signal.aborted) return;
      await aborted(AbortSignal.any([hole.signal, this.closing.signal]));
    }
  }

  private watchRequest(piece: Buffer): void {
    const pattern = this.state.loseReplyTo;
    if (pattern === undefined || !piece.includes(pattern)) return;
    this.state.loseReplyTo = undefined;
    this.silenced = true;
  }

  private losesReply(): boolean {
    const lost = this.silenced || this.isDroppedReply();
    if (lost) this.state.counters.droppedReplies += 1;
    return lost;
  }

  private isDroppedReply(): boolean {
    if (this.state.dropReplyIn === 0) return false;
    this.state.dropReplyIn -= 1;
    if (this.state.dropReplyIn > 0) return false;
    this.state.counters.cut += 1;
    this.break();
    return true;
  }
}

/** A reset of a socket that is being shut down fails, and Node then never closes it: the process would not end. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
