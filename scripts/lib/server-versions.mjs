// Servers of a certain version, for the compatibility matrix.

import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AptState } from './apt.mjs';
import { SUITES, sourcesOf } from './apt-sources.mjs';
import { PACKAGES } from './fetch-servers.mjs';
import { BINARIES, cacheDirectory, findBinary, onPath } from './find-binary.mjs';
import { mustRun, run, StepError } from './run.mjs';
import { unpackedProgram } from './unpacked.mjs';

const VERSION_LIMIT_MS = 20_000;

/** The programs that make up one server of the matrix; all must be of the version that is asked for. */
const PROGRAMS = { etcd: ['etcd', 'etcdctl'], 'nats-server': ['nats-server'] };

/** What this machine runs when nobody names a version. */
export async function defaultVersion(server) {
  return await versionOf(server, findBinary(server));
}

/**
 * Finds servers by version: where tests look for them (environment variable, PATH), in the cache of this class, in
 * the suites of the distribution. A suite's lists are read once, and only when they are needed.
 */
export class ServerVersions {
  suites = new Map();

  /** Environment variables that name the programs. Throws StepError with the reason when they cannot be had. */
  async ensure(server, version) {
    const found = (await this.installed(server, version)) ?? (await this.cached(server, version));
    if (found !== undefined) return found;
    await this.fetch(server, version);
    const fetched = await this.cached(server, version);
    if (fetched === undefined) throw new StepError(`${server} ${version} was unpacked and does not run here`);
    return fetched;
  }

  close() {
    if (this.work !== undefined) rmSync(this.work, { recursive: true, force: true });
  }

  async installed(server, version) {
    const named = await ifAllOf(server, version, (program) => findBinary(program));
    return named ?? (await ifAllOf(server, version, (program) => onPath(program)));
  }

  cached(server, version) {
    const root = cachedRoot(server, version);
    return ifAllOf(server, version, (program) => {
      const path = unpackedProgram(program, root);
      return path === undefined ? undefined : join(root, path);
    });
  }

  async fetch(server, version) {
    const packages = PROGRAMS[server].map((program) => PACKAGES[program].package);
    const seen = [];
    for (const suite of SUITES) {
      const apt = await this.suite(suite);
      const offered = await apt.versions(packages[0]);
      const match = offered.find((candidate) => upstream(candidate) === version);
      if (match !== undefined) {
        console.error(`tidemark: fetching ${server} ${version} from ${suite}`);
        await unpack(
          apt,
          cachedRoot(server, version),
          packages.map((name) => `${name}=${match}`),
        );
        return;
      }
      seen.push(
        `${suite} ${offered.map(upstream).join(' and ') || (apt.updated.code === 0 ? 'none' : 'cannot be read')}`,
      );
    }
    throw new StepError(`no suite has it: ${seen.join(', ')}`);
  }

  async suite(name) {
    const known = this.suites.get(name);
    if (known !== undefined) return known;
    if (onPath('apt-get') === undefined || onPath('dpkg-deb') === undefined) {
      throw new StepError('neither installed nor cached, and without apt-get and dpkg-deb it cannot be fetched');
    }
    const sources = sourcesOf(name);
    if (sources.length === 0) throw new StepError('the configured apt sources are not those of a Debian suite');
    this.work ??= mkdtempSync(join(tmpdir(), 'tidemark-suites-'));
    const apt = new AptState(join(this.work, name), undefined, sources);
    await apt.update();
    this.suites.set(name, apt);
    return apt;
  }
}

/** Into place in one step: an interrupted fetch leaves nothing that looks whole. Only libc is needed besides. */
async function unpack(apt, root, packages) {
  const partial = `${root}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  for (const file of await apt.download(packages)) await mustRun('dpkg-deb', ['-x', file, partial]);
  rmSync(root, { recursive: true, force: true });
  renameSync(partial, root);
}

function cachedRoot(server, version) {
  return join(cacheDirectory(), 'servers', `${server}-${version}`);
}

/** `{ VARIABLE: path }` when every program of the server is there and says that it is of this version. */
async function ifAllOf(server, version, find) {
  const environment = {};
  for (const program of PROGRAMS[server]) {
    const path = find(program);
    if (path === undefined || (await versionOf(program, path)) !== version) return undefined;
    environment[BINARIES[program]] = path;
  }
  return environment;
}

/** `3.5.16` out of `etcd Version: 3.5.16`, `etcdctl version: 3.5.16`, `nats-server: v2.10.27`. */
async function versionOf(program, path) {
  if (path === undefined) return undefined;
  const { code, output } = await run(path, PACKAGES[program].version, { limitMs: VERSION_LIMIT_MS });
  return code === 0 ? /\d+\.\d+\.\d+/.exec(output)?.[0] : undefined;
}

/** `2.10.27` out of Debian's `1:2.10.27-1+b2`. */
function upstream(version) {
  return version.replace(/^\d+:/, '').replace(/[-+~].*$/, '');
}
