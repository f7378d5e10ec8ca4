import { join } from 'node:path';
import { binary } from '../binary.js';
import type { EtcdOptions, EtcdServer } from '../contract.js';
import { etcdHandle } from '../handles.js';
import { freePort } from '../ports.js';
import { etcdAnswers } from '../probe.js';
import { ServerProcess } from './server-process.js';

/** One single-member cluster. `directory` is its own and stays over restarts. */
export async function startEtcd(directory: string, options: EtcdOptions): Promise<EtcdServer> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const args = [
    ...['--name', 'default', '--data-dir', join(directory, 'etcd')],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', `default=${peerUrl}`],
    ...(options.flags ?? []),
  ];
  const process = new ServerProcess({
    name: 'etcd',
    command: binary('etcd'),
    args: () => args,
    ready: () => etcdAnswers(port),
  });
  await process.start();
  return etcdHandle(port, process);
}
