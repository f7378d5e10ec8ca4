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
  ['packages/destinations/src/etcd/k.ts', 'etcd3'],
  ['packages/journal/src/l.ts', 'ioredis'],
  ['packages/worker/src/m.ts', 'ioredis'],
  ['packages/destinations/src/etcd/n.ts', 'ioredis'],
  ['packages/core/src/o.ts', 'nats'],
  ['packages/core/src/p.ts', '@tidemark/etcd'],
  ['packages/leader/src/q.ts', '@tidemark/etcd'],
  ['packages/leader/src/r.ts', '@tidemark/journal'],
  ['packages/worker/src/s.ts', '@tidemark/etcd'],
  ['packages/worker/src/t.ts', '@tidemark/journal'],
  ['packages/worker/src/u.ts', '@tidemark/destinations'],
  ['packages/cli/src/v.ts', '@tidemark/testing'],
  ['packages/leader/src/w.ts', '@tidemark/core/src/errors.js'],
  ['packages/leader/src/x.ts', '../../core/src/errors.js'],
  ['packages/leader/src/deeper/y.ts', '../../../worker/dist/index.js'],
  ['packages/worker/test/z.ts', '../../leader/src/pump.js'],
  ['test/fault/aa.ts', '../../packages/leader/src/pump.js'],
  ['test/fault/bb.ts', 'nats'],
  ['packages/api/src/cc.ts', '@tidemark/worker'],
  ['packages/destinations/src/dd.ts', '@tidemark/worker'],
  ['packages/destinations/test/ee.ts', 'nats'],
  ['packages/journal/src/nats/ff.ts', '@tidemark/worker'],
];

/** Within a package: from a folder to one above it, or to the files above all folders. */
const UPWARD: readonly Import[] = [
  ['packages/worker/src/resync/a.ts', '../owner/worker.js'],
  ['packages/worker/src/apply/b.ts', '../compare/verify.js'],
  ['packages/worker/src/brakes/c.ts', '../resync/plan.js'],
  ['packages/worker/src/write/d.ts', '../apply/applier.js'],
  ['packages/worker/src/control/e.ts', '../brakes/hold.js'],
  ['packages/worker/src/routes/f.ts', '../index.js'],
  ['packages/worker/src/placement/g.ts', '../loops/guard.js'],
  ['packages/core/src/model/h.ts', '../config/schema.js'],
  ['packages/core/src/contracts/i.ts', '../coordination/fact.js'],
  ['packages/etcd/src/client/j.ts', '../store/kv.js'],
  ['packages/journal/src/chain/k.ts', '../nats/reader.js'],
  ['packages/destinations/src/checkpoint/l.ts', '../etcd/destination.js'],
  ['packages/cli/src/node/m.ts', '../daemon/daemon.js'],
  ['packages/cli/src/node/deeper/n.ts', '../../admin/server.js'],
];

const ALLOWED: readonly Import[] = [
  ['packages/destinations/src/etcd/ok-a.ts', '@tidemark/etcd'],
  ['packages/destinations/src/redis/ok-b.ts', 'ioredis'],
  ['packages/journal/src/ok-c.ts', 'nats'],
  ['packages/etcd/src/ok-d.ts', 'etcd3'],
  ['packages/etcd/src/ok-e.ts', '@grpc/grpc-js'],
  ['packages/leader/test/ok-f.ts', '@tidemark/etcd'],
  ['packages/cli/src/ok-g.ts', '@tidemark/worker'],
  ['packages/worker/src/owner/ok-h.ts', '../write/commit.js'],
  ['packages/core/test/ok-i.ts', '../src/errors.js'],
  ['packages/journal/src/nats/ok-j.ts', '../chain/cursor.js'],
  ['packages/cli/src/daemon/ok-k.ts', '../node/node.js'],
];

/** What writes past the tracking of what is in doubt. */
const WRITERS: readonly string[] = ['Destination', 'DestinationWriter'];

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

describe('borders', () => {
  let directory: string;
  let reported: Set<string>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-borders-'));
    await cp(join(ROOT, '.oxlintrc.json'), join(directory, '.oxlintrc.json'));
    for (const [file, specifier] of [...FORBIDDEN, ...UPWARD, ...ALLOWED]) {
      await mkdir(dirname(join(directory, file)), { recursive: true });
      await writeFile(join(directory, file), `export * from '${specifier}';\n`);
    }
    for (const folder of ['owner', 'write']) {
      for (const name of WRITERS) {
        const file = join(directory, `packages/worker/src/${folder}/writes-${name}.ts`);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, `import type { ${name} } from '@tidemark/core';\nexport type Written = ${name};\n`);
      }
    }
    reported = await lint(directory);
  });

  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.each(FORBIDDEN)('%s must not import %s', (file) => {
    expect(reported).toContain(file);
  });

  it.each(UPWARD)('%s must not import upwards: %s', (file) => {
    expect(reported).toContain(file);
  });

  it.each(WRITERS)('a worker names %s only where writes are tracked', (name) => {
    expect(reported).toContain(`packages/worker/src/owner/writes-${name}.ts`);
    expect(reported).not.toContain(`packages/worker/src/write/writes-${name}.ts`);
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
