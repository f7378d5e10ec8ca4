import { TestServerError } from '../../network/errors.js';
import { freePort } from '../../network/ports.js';
import { until } from '../../waiting/until.js';
import type { EtcdCluster, EtcdClusterOptions } from '../cluster-contract.js';
import type { EtcdServer } from '../contract.js';
import { type EtcdAccess, etcdHandle } from '../handles.js';
import { etcdAnswers, httpBody } from '../probe.js';
import { EtcdProcess } from './etcd-process.js';
import { PeerNetwork, peerFaults } from './peer-network.js';
import type { Site } from './site.js';

const DEFAULT_MEMBERS = 3;
/** Some elections of 1 to 2 s, on a loaded machine. */
const LEADER_TIMEOUT_MS = 30_000;

interface Ports {
  readonly client: number;
  readonly peer: number;
}

/** Members that reach each other through a PeerNetwork. */
export async function startEtcdCluster(site: Site, options: EtcdClusterOptions): Promise<EtcdCluster> {
  const ports: Ports[] = [];
  for (let count = options.members ?? DEFAULT_MEMBERS; count > 0; count -= 1) {
    ports.push({ client: await freePort(), peer: await freePort() });
  }
  const processes: EtcdProcess[] = [];
  const network = await PeerNetwork.start(
    ports.map(({ peer }, index) => ({ port: peer, pid: () => processes[index]?.server.pid })),
  );
  site.atEnd(() => network[Symbol.asyncDispose]());
  processes.push(...createProcesses(site, { ports, network, flags: options.flags ?? [] }));
  await Promise.all(processes.map(({ server }) => server.start()));
  const cluster = handleOf(processes, ports, network);
  await cluster.leader();
  return cluster;
}

interface Plan {
  readonly ports: readonly Ports[];
  readonly network: PeerNetwork;
  readonly flags: readonly string[];
}

function createProcesses({ directory, atEnd }: Site, { ports, network, flags }: Plan): EtcdProcess[] {
  const names = ports.map((_port, index) => `member${index + 1}`);
  const urls = network.addresses.map((address) => `http://${address}`);
  const initialCluster = names.map((name, index) => `${name}=${urls[index] ?? ''}`).join(',');
  return ports.map(({ client, peer }, index) => {
    const [name, peerUrl] = [names[index] ?? '', urls[index] ?? ''];
    const process = new EtcdProcess(
      { name, directory, clientPort: client, peerPort: peer, peerUrl, initialCluster, flags },
      async () => (await etcdAnswers(client)) || (!network.hasMajority(index) && (await waitsForPeers(peer))),
    );
    atEnd(() => process.server.kill());
    return process;
  });
}

/** Clients are served only after a leader was found; peers are served before. */
async function waitsForPeers(peerPort: number): Promise<boolean> {
  return (await httpBody(`http://127.0.0.1:${peerPort}/version`)) !== undefined;
}

function handleOf(processes: readonly EtcdProcess[], ports: readonly Ports[], network: PeerNetwork): EtcdCluster {
  const access: EtcdAccess = { rootPassword: undefined };
  const members = processes.map((process, index) =>
    etcdHandle(ports[index]?.client ?? 0, {
      life: process.server,
      configure: async (flags) => process.configure(flags),
      restoreFrom: refuseRestore,
      access,
    }),
  );
  return {
    ...peerFaults(members, network),
    members,
    urls: members.map(({ url }) => url),
    leader: () => agreedLeader(members, network),
    restoreFrom: async (file, flags = []) => {
      await Promise.all(processes.map(({ server }) => server.stop()));
      for (const process of processes) await process.restore(file, flags);
      await Promise.all(processes.map(({ server }) => server.start()));
    },
  };
}

async function refuseRestore(): Promise<void> {
  throw new TestServerError({
    message: 'one member of a cluster cannot be restored from a snapshot: it would be a cluster of its own',
    remedy: 'Use `restoreFrom` of the cluster.',
  });
}

interface MemberView {
  readonly id: number;
  readonly leader: number;
}

/** A leader that was just cut off still believes in itself, and so do its followers for an election timeout. */
async function agreedLeader(members: readonly EtcdServer[], network: PeerNetwork): Promise<EtcdServer> {
  let views: (MemberView | undefined)[] = [];
  return await until(
    async () => {
      views = await Promise.all(members.map(viewOf));
      return members.find((_member, index) => {
        const id = views[index]?.id;
        const votes = views.filter((view) => id !== undefined && view?.leader === id).length;
        return votes > members.length / 2 && !network.isIsolated(index);
      });
    },
    { timeoutMs: LEADER_TIMEOUT_MS, describe: () => `a leader of the etcd cluster; seen ${JSON.stringify(views)}` },
  );
}

/** Whom a member takes for the leader; undefined when it does not answer. */
async function viewOf(member: EtcdServer): Promise<MemberView | undefined> {
  const limits = ['--dial-timeout=1s', '--command-timeout=2s'];
  const output = await member.etcdctl(['endpoint', 'status', '-w', 'json', ...limits]).catch(() => undefined);
  if (output === undefined) return undefined;
  // Ids have 64 bits and are rounded here, all in the same way: good enough to distinguish three members.
  const [answer] = JSON.parse(output.toString('utf8')) as {
    Status: { header: { member_id: number }; leader: number };
  }[];
  return answer === undefined ? undefined : { id: answer.Status.header.member_id, leader: answer.Status.leader ?? 0 };
}
