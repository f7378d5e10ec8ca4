import { once } from 'node:events';
import { createServer } from 'node:net';
import { TestServerError } from './errors.js';

/**
 * Below Linux' range for outgoing connections (32768-60999): a port the kernel picks for us by binding to 0 can be taken
 * by any client connection while its server is down, and then "start again on the same address" fails.
 */
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;
const ATTEMPTS = 200;

/**
 * Ports this process gave out. Never given back: a killed server still owns its address. Other test processes start
 * looking somewhere else, because the choice is random; if both find the same port, one bind fails and is retried.
 */
const taken = new Set<number>();

/** A loopback port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (taken.has(port)) continue;
    taken.add(port);
    if (await canBind(port)) return port;
  }
  throw new TestServerError({
    message: `no free port found between ${FIRST_PORT} and ${LAST_PORT} in ${ATTEMPTS} attempts`,
    remedy: 'Look for servers left over from earlier runs.',
  });
}

async function canBind(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ host: '127.0.0.1', port });
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
