import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { TestServerError } from '../../network/errors.js';
import { freePort } from '../../network/ports.js';
import { FaultProxy } from '../../network/proxy.js';
import type { PeerFaults } from '../cluster-contract.js';
import type { Server as Member } from '../contract.js';
import { ownerOfPeer } from './socket-owner.js';

export interface Peer {
  /** Where it really listens for the others. */
  readonly port: number;
  /** Process id, undefined while it does not run. */
  readonly pid: () => number | undefined;
}

/**
 * The network between the members of a cluster. Each member advertises a port of ours: all others dial the same one,
 * because every member must be given the same list. Who dialled is then found out, and the connection goes through the
 * proxy of that pair. Needs neither rights nor firewall rules.
 */
export class PeerNetwork implements AsyncDisposable {
  private readonly fronts: Server[] = [];
  private readonly accepted = new Set<Socket>();
  private readonly isolated = new Set<number>();

  private constructor(
    private readonly peers: readonly Peer[],
    /** By dialling member, then by dialled member. */
    private readonly links: readonly (readonly FaultProxy[])[],
    /** `host:port` that each member advertises to the others. */
    readonly addresses: readonly string[],
  ) {}

  static async start(peers: readonly Peer[]): Promise<PeerNetwork> {
    const links: FaultProxy[][] = [];
    for (const _from of peers) {
      links.push(await Promise.all(peers.map(({ port }) => FaultProxy.start(`127.0.0.1:${port}`))));
    }
    const ports: number[] = [];
    for (const _peer of peers) ports.push(await freePort());
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    const network = new PeerNetwork(peers, links, addresses);
    await Promise.all(ports.map((port, to) => network.listen(port, to)));
    return network;
  }

  /** What passes between members, by their numbers. */
  link(from: number, to: number): FaultProxy {
    const link = from === to ? undefined : this.links[from]?.[to];
    if (link !== undefined) return link;
    throw new TestServerError({
      message: `there is no link between members ${from} and ${to}`,
      remedy: 'Name two different members of this cluster.',
    });
  }

  isolate(member: number): void {
    for (const other of this.peers.keys()) {
      if (other === member) continue;
      this.link(member, other).blackHole();
      this.link(other, member).blackHole();
    }
    this.isolated.add(member);
  }

  block(from: number, to: number): void {
    this.link(from, to).blackHole('toServer');
    this.link(to, from).blackHole('toClient');
  }

  heal(): void {
    for (const link of this.links.flat()) link.forward();
    this.isolated.clear();
  }

  isIsolated(member: number): boolean {
    return this.isolated.has(member);
  }

  /** True when this member and those it can reach are enough of the cluster to agree on something. */
  hasMajority(member: number): boolean {
    const connected = this.peers.filter((peer, index) => peer.pid() !== undefined && !this.isolated.has(index));
    return !this.isolated.has(member) && connected.length > this.peers.length / 2;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const front of this.fronts) front.close();
    for (const socket of this.accepted) socket.destroy();
    await Promise.all(this.links.flat().map((link) => link[Symbol.asyncDispose]()));
  }

  private async listen(port: number, to: number): Promise<void> {
    const front = createServer({ allowHalfOpen: true }, (socket) => void this.accept(socket, to));
    this.fronts.push(front);
    front.listen({ host: '127.0.0.1', port });
    await once(front, 'listening');
  }

  private async accept(socket: Socket, to: number): Promise<void> {
    this.accepted.add(socket);
    socket.once('close', () => this.accepted.delete(socket));
    socket.on('error', () => socket.destroy());
    const pids = this.peers.map(({ pid }) => pid());
    const owner = await ownerOfPeer(
      socket,
      pids.filter((pid) => pid !== undefined),
    );
    if (socket.destroyed) return;
    // A member may dial itself, and finds out by being answered by itself. Without an owner: it has given up meanwhile.
    const link = owner === undefined ? undefined : this.links[pids.indexOf(owner)]?.[to];
    if (link === undefined) socket.destroy();
    else link.accept(socket);
  }
}

/** The faults of a network in terms of the members' handles, which stand in the order of its peers. */
export function peerFaults<M extends Member>(members: readonly M[], network: PeerNetwork): PeerFaults<M> {
  const index = (member: M): number => members.indexOf(member);
  return {
    isolate: (member) => network.isolate(index(member)),
    block: (from, to) => network.block(index(from), index(to)),
    heal: () => network.heal(),
    link: (from, to) => network.link(index(from), index(to)),
  };
}
