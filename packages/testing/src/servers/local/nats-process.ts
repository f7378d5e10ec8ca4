import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binary } from '../binary.js';
import type { NatsDataCopy, NatsServer } from '../contract.js';
import { type NatsPorts, natsHandle } from '../handles.js';
import { natsConfiguration } from '../nats-configuration.js';
import { ServerProcess } from './server-process.js';

export interface NatsMember extends NatsPorts {
  readonly name: string;
  /** Its configuration, its store and copies of that. */
  readonly directory: string;
  /** Lines of the configuration that the test does not choose. */
  readonly fixed: readonly string[];
}

/** One nats-server as a process, with its configuration file and its store. */
export class NatsProcess {
  readonly server: ServerProcess;
  private readonly store: string;
  private readonly file: string;

  constructor(
    private readonly member: NatsMember,
    ready: () => Promise<boolean>,
  ) {
    this.store = join(member.directory, member.name);
    this.file = join(member.directory, `${member.name}.conf`);
    const args = ['--config', this.file];
    this.server = new ServerProcess({ name: member.name, command: binary('nats-server'), args: () => args, ready });
  }

  async configure(lines: readonly string[]): Promise<void> {
    const { port, monitorPort, fixed } = this.member;
    const listeners = {
      client: `127.0.0.1:${port}`,
      monitor: `127.0.0.1:${monitorPort}`,
      storeDirectory: this.store,
    };
    await writeFile(this.file, natsConfiguration(listeners, [...fixed, ...lines]));
  }

  async copyData(): Promise<NatsDataCopy> {
    const directory = await mkdtemp(`${this.store}-copy-`);
    await this.server.whileStill(() => cp(this.store, directory, { recursive: true }));
    return { directory };
  }

  async restoreData({ directory }: NatsDataCopy): Promise<void> {
    await this.server.kill();
    await rm(this.store, { recursive: true, force: true });
    await cp(directory, this.store, { recursive: true });
    await this.server.start();
  }

  handle(): NatsServer {
    return natsHandle(this.member, {
      life: this.server,
      configure: (lines) => this.configure(lines),
      copyData: () => this.copyData(),
      restoreData: (copy) => this.restoreData(copy),
    });
  }
}
