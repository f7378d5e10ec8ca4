import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** File and what it imports. */
type Import = readonly [file: string, specifier: string];

const FORBIDDEN: readonly Import[] = [
  ['packages/leader/src/a.ts', '@tidemark/worker'],
  ['packages/worker/src/b.ts', '@tidemark/leader'],
  ['packages/leader/src/c.ts', 'nats'],
  ['packages/worker/src/d.ts', 'nats'],
  ['packages/cli/src/e.ts', 'nats'],
  ['packages/etcd/src/f.ts', 'nats'],
  ['packages/testing/src/g.ts', 'nats'],
  ['packages/leader/src/h.ts', 'etcd3'],
  ['packages/journal/src/i.ts', 'etcd3'],
  ['packages/worker/src/j.ts', '@grpc/grpc-js'],
  ['packages/worker/src/destinations/etcd/k.ts', 'etcd3'],
  ['packages/journal/src/l.ts', 'ioredis'],
  ['packages/worker/src/m.ts', 'ioredis'],
  ['packages/worker/src/destinations/etcd/n.ts', 'ioredis'],
  ['packages/core/src/o.ts', 'nats'],
  ['packages/core/src/p.ts', '@tidemark/etcd'],
  ['packages/leader/src/q.ts', '@tidemark/etcd'],
  ['packages/leader/src/r.ts', '@tidemark/journal'],
  ['packages/worker/src/s.ts', '@tidemark/etcd'],
  ['packages/worker/src/t.ts', '@tidemark/journal'],
  ['packages/worker/src/destinations/redis/u.ts', '@tidemark/etcd'],
  ['packages/cli/src/v.ts', '@tidemark/testing'],
  ['packages/leader/src/w.ts', '@tidemark/core/src/errors.js'],
  ['packages/leader/src/x.ts', '../../core/src/errors.js'],
  ['packages/leader/src/deeper/y.ts', '../../../worker/dist/index.js'],
  ['packages/worker/test/z.ts', '../../leader/src/pump.js'],
  ['test/fault/aa.ts', '../../packages/leader/src/pump.js'],
  ['test/fault/bb.ts', 'nats'],
  ['packages/api/src/cc.ts', '@tidemark/worker'],
  ['packages/api/src/dd.ts', 'hono'],
  ['packages/core/src/ee.ts', '@tidemark/api'],
  ['packages/worker/src/ff.ts', '@tidemark/api'],
  ['packages/leader/src/gg.ts', '@tidemark/api'],
  ['packages/cli/src/hh.ts', '../../api/src/paths.js'],
];

const ALLOWED: readonly Import[] = [
  ['packages/worker/src/destinations/etcd/ok-a.ts', '@tidemark/etcd'],
  ['packages/worker/src/destinations/redis/ok-b.ts', 'ioredis'],
  ['packages/journal/src/ok-c.ts', 'nats'],
  ['packages/etcd/src/ok-d.ts', 'etcd3'],
  ['packages/etcd/src/ok-e.ts', '@grpc/grpc-js'],
  ['packages/leader/test/ok-f.ts', '@tidemark/etcd'],
  ['packages/cli/src/ok-g.ts', '@tidemark/worker'],
  ['packages/worker/src/ok-h.ts', './destinations/etcd/index.js'],
  ['packages/core/test/ok-i.ts', '../src/errors.js'],
  ['packages/api/src/ok-j.ts', '@tidemark/core'],
  ['packages/testing/src/ok-k.ts', '@tidemark/api'],
];

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

describe('borders between packages', () => {
  let directory: string;
  let reported: Set<string>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-borders-'));
    await cp(join(ROOT, '.oxlintrc.json'), join(directory, '.oxlintrc.json'));
    for (const [file, specifier] of [...FORBIDDEN, ...ALLOWED]) {
      await mkdir(dirname(join(directory, file)), { recursive: true });
      await writeFile(join(directory, file), `export * from '${specifier}';\n`);
    }
    reported = await lint(directory);
  });

  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.each(FORBIDDEN)('%s must not import %s', (file) => {
    expect(reported).toContain(file);
  });

  it.each(ALLOWED)('%s may import %s', (file) => {
    expect(reported).not.toContain(file);
  });
});

/** Files in which the linter of the project finds an import over a border. */
function lint(directory: string): Promise<Set<string>> {
  const oxlint = join(ROOT, 'node_modules', '.bin', 'oxlint');
  return new Promise((resolve) => {
    execFile(oxlint, ['--format=unix'], { cwd: directory }, (_failed, stdout) => {
      const lines = stdout.split('\n').filter((line) => line.includes('no-restricted-imports'));
      resolve(new Set(lines.map((line) => line.split(':', 1)[0] ?? '')));
    });
  });
}
