import { request } from 'node:http';

const TIMEOUT_MS = 5_000;

/** Undefined when a Docker engine answers; otherwise why not, and what to do, in one line. */
export async function dockerProblem(env = process.env) {
  const host = env.DOCKER_HOST || 'unix:///var/run/docker.sock';
  try {
    await ping(host);
    return undefined;
  } catch (error) {
    const remedy =
      error.code === 'EACCES'
        ? 'add this user to the group `docker`'
        : 'start one (on Debian: apt-get install docker.io), or set DOCKER_HOST';
    return `no Docker engine answers at ${host} (${error.code ?? error.message}): ${remedy}`;
  }
}

function ping(host) {
  const url = new URL(host);
  const target =
    url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port || 2375 };
  return new Promise((resolve, reject) => {
    const call = request({ ...target, path: '/_ping', timeout: TIMEOUT_MS, agent: false }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`HTTP ${response.statusCode}`));
    });
    call.once('timeout', () => call.destroy(new Error('no answer')));
    call.once('error', reject);
    call.end();
  });
}
