import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, StepError } from './run.mjs';

const DPKG_STATUS = '/var/lib/dpkg/status';

// The loader and its libc must be of one version, and a machine always has both: never take one from a package.
const NEVER_UNPACKED = new Set(['libc6', 'libc-bin', 'libc6-dev']);

/**
 * apt with its own lists and cache below `work`, so that an ordinary user can use it and the machine's state stays as it
 * is. Keys and proxies are the machine's own, and so are the list of what is installed and, unless others are given as
 * `{ name, content }`, the sources.
 */
export class AptState {
  constructor(work, remedy, sources) {
    this.work = work;
    this.remedy = remedy;
    this.sources = sources;
    for (const directory of ['state/lists/partial', 'cache/archives/partial', 'sources']) {
      mkdirSync(join(work, directory), { recursive: true });
    }
    for (const { name, content } of sources ?? []) writeFileSync(join(work, 'sources', name), content);
  }

  /** Reads the configured sources. A broken third-party source does not matter here: what is missing shows later. */
  async update() {
    this.updated = await this.apt(['update']);
  }

  /** `name=version` of these packages and of everything they need that this machine does not have. */
  async resolve(packages) {
    // --reinstall, because the package may be installed and its program still not where we look.
    const output = await this.must(['install', '--simulate', '--reinstall', '--no-install-recommends', ...packages]);
    const found = [...output.matchAll(/^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) /gm)];
    return found.filter(([, name]) => !NEVER_UNPACKED.has(name)).map(([, name, version]) => `${name}=${version}`);
  }

  /** Paths of the downloaded packages. */
  async download(packages) {
    const directory = mkdtempSync(join(this.work, 'archives-'));
    await this.must(['download', ...packages], { cwd: directory });
    return readdirSync(directory)
      .filter((file) => file.endsWith('.deb'))
      .map((file) => join(directory, file));
  }

  /** Versions of a package that the sources offer; [] when they do not know it. */
  async versions(name) {
    const { output } = await this.apt(['madison', name], { program: 'apt-cache' });
    const lines = output.split('\n').map((line) => line.split('|').map((column) => column.trim()));
    return [...new Set(lines.filter(([found]) => found === name).map(([, version]) => version))];
  }

  async must(args, options) {
    const { code, output } = await this.apt(args, options);
    if (code === 0) return output;
    const update = this.updated?.code === 0 ? '' : `${this.updated?.output ?? ''}\n`;
    throw new StepError(`apt-get ${args.join(' ')} ended with code ${code}\n${update}${output.trimEnd()}`, this.remedy);
  }

  apt(args, { program = 'apt-get', ...options } = {}) {
    const settings = {
      'Dir::State': join(this.work, 'state'),
      'Dir::State::status': DPKG_STATUS,
      'Dir::Cache': join(this.work, 'cache'),
      ...(this.sources === undefined
        ? {}
        : { 'Dir::Etc::sourcelist': '/dev/null', 'Dir::Etc::sourceparts': join(this.work, 'sources') }),
      'Acquire::Languages': 'none',
      'Acquire::Retries': '3',
      'Debug::NoLocking': 'true',
      // As root, apt would otherwise read and write as _apt, which has no right to our directory.
      ...(process.getuid?.() === 0 ? { 'APT::Sandbox::User': 'root' } : {}),
    };
    const flags = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
    const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
    return run(program, ['-q', ...flags, ...args], { env, limitMs: 10 * 60_000, ...options });
  }
}
