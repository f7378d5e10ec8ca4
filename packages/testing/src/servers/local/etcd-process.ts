import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isExecutable } from '../../../../../scripts/lib/find-binary.mjs';
import { binary } from '../binary.js';
import { runTool } from '../etcdctl.js';
import { program } from '../program.js';
import { ServerProcess } from './server-process.js';

/** etcd's own defaults. */
const CLUSTER_TOKEN = 'etcd-cluster';
export const DEFAULT_NAME = 'default';

export interface EtcdMember {
  readonly name: string;
  /** Its data directories are made below this one. */
  readonly directory: string;
  readonly clientPort: number;
  /** Where it listens for its peers. */
  readonly peerPort: number;
  /** Where its peers find it. */
  readonly peerUrl: string;
  /** `name=url` of each member. */
  readonly initialCluster: string;
  readonly flags: readonly string[];
}

/** One member as a process, and the data directory it uses now. */
export class EtcdProcess {
  readonly server: ServerProcess;
  private restores = 0;
  private flags: readonly string[];

  constructor(
    private readonly member: EtcdMember,
    ready: () => Promise<boolean>,
  ) {
    this.flags = member.flags;
    const name = member.name === DEFAULT_NAME ? 'etcd' : `etcd ${member.name}`;
    this.server = new ServerProcess({ name, command: binary('etcd'), args: () => this.args(), ready });
  }

  /** Replaces the additional flags; they count from the next start. */
  configure(flags: readonly string[]): void {
    this.flags = flags;
  }

  /** Replaces the data of the stopped member; when that fails it still has its old ones. */
  async restore(file: string, flags: readonly string[]): Promise<void> {
    const [old, restored] = [this.dataDirectory(this.restores), this.dataDirectory(this.restores + 1)];
    const { name, initialCluster, peerUrl } = this.member;
    const { path, environment } = restoreTool();
    await runTool({
      path,
      environment,
      args: [
        ...['snapshot', 'restore', file, '--name', name, '--data-dir', restored],
        ...['--initial-cluster', initialCluster, '--initial-cluster-token', CLUSTER_TOKEN],
        ...['--initial-advertise-peer-urls', peerUrl, ...flags],
      ],
      name: `snapshot restore of ${name}`,
      remedy: `Does ${path} know these flags: ${flags.join(' ') || 'none'}? Is ${file} a snapshot?`,
    });
    this.restores += 1;
    await rm(old, { recursive: true, force: true });
  }

  private args(): readonly string[] {
    const { name, clientPort, peerPort, peerUrl, initialCluster } = this.member;
    const url = `http://127.0.0.1:${clientPort}`;
    return [
      ...['--name', name, '--data-dir', this.dataDirectory(this.restores)],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', initialCluster, '--initial-cluster-token', CLUSTER_TOKEN],
      ...this.flags,
    ];
  }

  private dataDirectory(restores: number): string {
    return join(this.member.directory, `${this.member.name}-${restores}`);
  }
}

/** etcd 3.5 brings etcdutl for this and etcdctl still can, 3.6 leaves it to etcdutl alone, 3.4 has only etcdctl. */
function restoreTool(): { path: string; environment: Readonly<Record<string, string>> } {
  const etcd = program('etcd');
  const etcdutl = join(dirname(etcd.path), 'etcdutl');
  if (isExecutable(etcdutl)) return { path: etcdutl, environment: { LD_LIBRARY_PATH: etcd.ldLibraryPath } };
  return { path: binary('etcdctl'), environment: { ETCDCTL_API: '3' } };
}
