import { freePort } from '../../network/ports.js';
import type { NatsOptions, NatsServer } from '../contract.js';
import { natsAnswers } from '../probe.js';
import { NatsProcess } from './nats-process.js';
import type { Site } from './site.js';

/** One nats-server with JetStream. */
export async function startNats({ directory, atEnd }: Site, options: NatsOptions): Promise<NatsServer> {
  const [port, monitorPort] = [await freePort(), await freePort()];
  const nats = new NatsProcess({ name: 'nats', directory, port, monitorPort, fixed: [] }, () =>
    natsAnswers(port, monitorPort),
  );
  await nats.configure(options.configuration ?? []);
  atEnd(() => nats.server.kill());
  await nats.server.start();
  return nats.handle();
}
