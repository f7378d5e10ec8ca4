import { get } from 'node:http';
import { connect } from 'node:net';

const PROBE_TIMEOUT_MS = 1_000;

/** Body of a 200 answer, or undefined for anything else. No keep-alive: a frozen server would keep the socket. */
export function httpBody(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: PROBE_TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve(undefined));
      response.on('end', () =>
        resolve(response.statusCode === 200 ? Buffer.concat(chunks).toString('utf8') : undefined),
      );
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
    request.on('close', () => resolve(undefined));
  });
}

/** First bytes a TCP server sends after `greeting`, or undefined when nobody answers within a second. */
export function tcpAnswer(port: number, greeting?: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: PROBE_TIMEOUT_MS });
    const finish = (answer: string | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    if (greeting !== undefined) socket.write(greeting);
    socket.once('data', (chunk: Buffer) => finish(chunk.toString('latin1')));
    socket.once('timeout', () => finish(undefined));
    socket.once('error', () => finish(undefined));
    socket.once('close', () => resolve(undefined));
  });
}

export async function etcdAnswers(port: number): Promise<boolean> {
  return (await httpBody(`http://127.0.0.1:${port}/health`))?.includes('"health":"true"') ?? false;
}

/** A server of a cluster serves clients, whether or not its JetStream has a leader. */
export async function natsListens(port: number, monitorPort: number): Promise<boolean> {
  const serving = (await httpBody(`http://127.0.0.1:${monitorPort}/varz`)) !== undefined;
  return serving && ((await tcpAnswer(port))?.startsWith('INFO ') ?? false);
}

/** `/healthz` speaks for JetStream, and may answer before the client port is open. */
export async function natsAnswers(port: number, monitorPort: number): Promise<boolean> {
  const healthy = (await httpBody(`http://127.0.0.1:${monitorPort}/healthz`))?.includes('ok') ?? false;
  return healthy && ((await tcpAnswer(port))?.startsWith('INFO ') ?? false);
}

export async function redisAnswers(port: number): Promise<boolean> {
  return (await tcpAnswer(port, 'PING\r\n'))?.startsWith('+PONG') ?? false;
}
