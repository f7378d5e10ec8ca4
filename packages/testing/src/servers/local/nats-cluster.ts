import { StartAgainError } from '../../network/errors.js';
import { freePort } from '../../network/ports.js';
import { RawNats } from '../../network/raw-nats.js';
import { until, WaitedInVainError } from '../../waiting/until.js';
import type { NatsCluster, NatsClusterOptions } from '../cluster-contract.js';
import type { NatsServer } from '../contract.js';
import { httpBody, natsAnswers, natsListens } from '../probe.js';
import { NatsProcess } from './nats-process.js';
import { PeerNetwork, peerFaults } from './peer-network.js';
import type { Site } from './site.js';

const DEFAULT_SERVERS = 3;
/** Elections take 4 to 9 s in nats-server, and the first ones run while servers still join. */
const LEADER_TIMEOUT_MS = 60_000;
/**
 * Rarely (in one of 18 starts of 2.10.27) the meta group forms with two of three servers and never takes the third in; all
 * three call themselves healthy. Nothing helps but starting again. Otherwise it takes 1 to 10 s on a loaded machine.
 */
const FORMING_TIMEOUT_MS = 25_000;
const PROBE_STREAM = 'tidemark-probe';
const PROBE_MS = 5_000;

interface Ports {
  readonly port: number;
  readonly monitorPort: number;
  readonly routePort: number;
}

/** Servers whose routes go through a PeerNetwork. */
export async function startNatsCluster(site: Site, options: NatsClusterOptions): Promise<NatsCluster> {
  const ports: Ports[] = [];
  for (let count = options.servers ?? DEFAULT_SERVERS; count > 0; count -= 1) {
    ports.push({ port: await freePort(), monitorPort: await freePort(), routePort: await freePort() });
  }
  const processes: NatsProcess[] = [];
  const network = await PeerNetwork.start(
    ports.map(({ routePort }, index) => ({ port: routePort, pid: () => processes[index]?.server.pid })),
  );
  site.atEnd(() => network[Symbol.asyncDispose]());
  processes.push(...createProcesses(site, ports, network));
  for (const process of processes) await process.configure(options.configuration ?? []);
  await Promise.all(processes.map(({ server }) => server.start()));
  const cluster = handleOf(processes, network);
  await untilReplicated(cluster, ports).catch((error: unknown) => {
    if (!(error instanceof WaitedInVainError)) throw error;
    throw new StartAgainError({ message: error.message, remedy: error.remedy, cause: error });
  });
  return cluster;
}

function createProcesses({ directory, atEnd }: Site, ports: readonly Ports[], network: PeerNetwork): NatsProcess[] {
  return ports.map(({ port, monitorPort, routePort }, index) => {
    const name = serverName(index);
    // Itself among them: the number of routes is the size of the cluster that JetStream waits for.
    const routes = network.addresses.map((address) => `"nats-route://${address}"`);
    const fixed = [
      `server_name: ${name}`,
      // Servers announce to each other where to find a third one: that must be its proxy as well.
      `cluster: { name: test, listen: "127.0.0.1:${routePort}", advertise: "${network.addresses[index] ?? ''}"`,
      `  routes: [${routes.join(', ')}] }`,
    ];
    const process = new NatsProcess({ name, directory, port, monitorPort, fixed }, () =>
      natsListens(port, monitorPort),
    );
    atEnd(() => process.server.kill());
    return process;
  });
}

function serverName(index: number): string {
  return `server${index + 1}`;
}

function handleOf(processes: readonly NatsProcess[], network: PeerNetwork): NatsCluster {
  const servers = processes.map((process) => process.handle());
  const agreed = (what: string, believedLeader: (server: NatsServer) => Promise<string | undefined>) =>
    agreedLeader({ servers, network, what, believedLeader });
  return {
    ...peerFaults(servers, network),
    servers,
    urls: servers.map(({ url }) => url),
    leader: () => agreed('the meta group', async (server) => (await jetStream(server))?.meta_cluster?.leader),
    streamLeader: (stream) => agreed(`stream ${stream}`, (server) => believedStreamLeader(server, stream)),
  };
}

/**
 * That all servers are healthy and the meta leader calls each of them current is not enough: for some seconds it may still
 * refuse to place a stream on one that it has not heard of otherwise (seen on 2.10.27). So a stream is made and removed.
 */
async function untilReplicated(cluster: NatsCluster, ports: readonly Ports[]): Promise<void> {
  await until(
    async () => {
      const ready = await Promise.all(ports.map(({ port, monitorPort }) => natsAnswers(port, monitorPort)));
      return ready.every(Boolean) && (await placesReplicas(await cluster.leader(), ports.length));
    },
    { timeoutMs: FORMING_TIMEOUT_MS, describe: `JetStream on all of ${ports.length} servers` },
  );
}

async function placesReplicas(server: NatsServer, replicas: number): Promise<boolean> {
  // Who needs a password is not given one here.
  if ((await httpBody(`${server.monitorUrl}/varz`))?.includes('"auth_required": true')) return true;
  const connection = await RawNats.connect(server.address);
  try {
    const stream = { name: PROBE_STREAM, subjects: [PROBE_STREAM], num_replicas: replicas };
    const created = await connection.request(`$JS.API.STREAM.CREATE.${PROBE_STREAM}`, JSON.stringify(stream), PROBE_MS);
    const removed = await connection.request(`$JS.API.STREAM.DELETE.${PROBE_STREAM}`, '', PROBE_MS);
    return [created, removed].every((answer) => (answer as { error?: unknown }).error === undefined);
  } finally {
    connection.close();
  }
}

interface JetStreamView {
  readonly meta_cluster?: { readonly leader?: string };
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly cluster?: { readonly leader?: string } }[];
  }[];
}

async function jetStream(server: NatsServer, query = ''): Promise<JetStreamView | undefined> {
  const body = await httpBody(`${server.monitorUrl}/jsz${query}`);
  return body === undefined ? undefined : (JSON.parse(body) as JetStreamView);
}

async function believedStreamLeader(server: NatsServer, stream: string): Promise<string | undefined> {
  const view = await jetStream(server, '?accounts=true&streams=true');
  const streams = (view?.account_details ?? []).flatMap(({ stream_detail = [] }) => stream_detail);
  return streams.find(({ name }) => name === stream)?.cluster?.leader;
}

interface Vote {
  readonly servers: readonly NatsServer[];
  readonly network: PeerNetwork;
  readonly what: string;
  readonly believedLeader: (server: NatsServer) => Promise<string | undefined>;
}

/** The one that most servers, itself among them, take for the leader. */
async function agreedLeader({ servers, network, what, believedLeader }: Vote): Promise<NatsServer> {
  let beliefs: (string | undefined)[] = [];
  return await until(
    async () => {
      beliefs = await Promise.all(servers.map(believedLeader));
      return servers.find((_server, index) => {
        const name = serverName(index);
        const votes = beliefs.filter((belief) => belief === name).length;
        return beliefs[index] === name && votes > servers.length / 2 && !network.isIsolated(index);
      });
    },
    { timeoutMs: LEADER_TIMEOUT_MS, describe: () => `a leader of ${what}; servers believe in ${beliefs.join(', ')}` },
  );
}
