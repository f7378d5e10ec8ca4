import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binary } from '../binary.js';
import type { NatsOptions, NatsServer } from '../contract.js';
import { natsHandle } from '../handles.js';
import { natsConfiguration } from '../nats-configuration.js';
import { freePort } from '../ports.js';
import { natsAnswers } from '../probe.js';
import { ServerProcess } from './server-process.js';

/** One nats-server with JetStream. `directory` holds its store and its configuration and stays over restarts. */
export async function startNats(directory: string, options: NatsOptions): Promise<NatsServer> {
  const [port, monitorPort] = [await freePort(), await freePort()];
  const file = join(directory, 'nats.conf');
  const listeners = {
    client: `127.0.0.1:${port}`,
    monitor: `127.0.0.1:${monitorPort}`,
    storeDirectory: join(directory, 'nats'),
  };
  const configure = (lines: readonly string[]): Promise<void> => writeFile(file, natsConfiguration(listeners, lines));
  await configure(options.configuration ?? []);
  const process = new ServerProcess({
    name: 'nats-server',
    command: binary('nats-server'),
    args: () => ['--config', file],
    ready: () => natsAnswers(port, monitorPort),
  });
  await process.start();
  return natsHandle({ port, monitorPort }, configure, process);
}
