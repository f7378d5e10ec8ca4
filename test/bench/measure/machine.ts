import { execFileSync } from 'node:child_process';
import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { type BinaryName, findBinary } from '../../../scripts/lib/find-binary.mjs';

/** Where a result comes from. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  /** Median of writing 4 KiB and waiting until the disk has it, where the servers' data is. Every revision of etcd pays it. */
  readonly fsyncMs: number;
  /** Processes that wanted to run before ours began, over the last minute. */
  readonly loadBefore: number;
  readonly node: string;
  readonly etcd: string;
  readonly nats: string;
}

const FSYNCS = 200;

export async function describeMachine(): Promise<Machine> {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    fsyncMs: await medianFsyncMs(),
    loadBefore: loadavg()[0] ?? Number.NaN,
    node: process.versions.node,
    etcd: versionOf('etcd'),
    nats: versionOf('nats-server'),
  };
}

/** The commit that was measured, with `+` when the checkout differs from it. */
export function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    // A tarball of the sources, or no git.
    return 'unknown';
  }
}

function versionOf(name: BinaryName): string {
  const path = findBinary(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return /\d+\.\d+\.\d+/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))?.[0] ?? 'unknown';
}

async function medianFsyncMs(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
  const file = openSync(join(directory, 'fsync'), 'w');
  const block = Buffer.alloc(4096);
  const samples = Array.from({ length: FSYNCS }, () => {
    writeSync(file, block);
    const begun = performance.now();
    fdatasyncSync(file);
    return performance.now() - begun;
  });
  await rm(directory, { recursive: true });
  return samples.sort((left, right) => left - right)[FSYNCS / 2] ?? Number.NaN;
}
