import { freePort } from '../../network/ports.js';
import type { EtcdOptions, EtcdServer } from '../contract.js';
import { etcdHandle } from '../handles.js';
import { etcdAnswers } from '../probe.js';
import { DEFAULT_NAME, EtcdProcess } from './etcd-process.js';
import type { Site } from './site.js';

/** One single-member cluster. */
export async function startEtcd({ directory, atEnd }: Site, options: EtcdOptions): Promise<EtcdServer> {
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = new EtcdProcess(
    {
      name: DEFAULT_NAME,
      directory,
      clientPort,
      peerPort,
      peerUrl,
      initialCluster: `${DEFAULT_NAME}=${peerUrl}`,
      flags: options.flags ?? [],
    },
    () => etcdAnswers(clientPort),
  );
  atEnd(() => etcd.server.kill());
  await etcd.server.start();
  return etcdHandle(clientPort, {
    life: etcd.server,
    configure: async (flags) => etcd.configure(flags),
    restoreFrom: async (file, flags = []) => {
      await etcd.server.stop();
      await etcd.restore(file, flags);
      await etcd.server.start();
    },
  });
}
