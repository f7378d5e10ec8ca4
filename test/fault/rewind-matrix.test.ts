import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  audit,
  EtcdGateway,
  type EtcdServer,
  localServers,
  type NatsServer,
  Pipeline,
  readKeys,
  type Servers,
} from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

const BEFORE_BACKUP = 300;
const AFTER_BACKUP = 1_000;

let servers: Servers;
let nats: NatsServer;

beforeAll(async () => {
  servers = localServers();
  nats = await servers.nats();
});

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

async function write(gateway: EtcdGateway, what: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const key = `/app/${what}/${n % 97}`;
    if (n % 10 === 9) await gateway.delete(key);
    else await gateway.put(key, `${what} ${n}`);
  }
}

/** The source's revision is lower than the journal's, or overtakes it again; with a name of its own each, and none alike. */
describe.each([500, 1_500, 5_000])(
  'a source restored from a backup that is 1,000 revisions old, then %i other writes',
  (others) => {
    let source: EtcdServer;
    let destination: EtcdServer;

    beforeAll(async () => {
      [source, destination] = await Promise.all([servers.etcd(), servers.etcd()]);
    });

    it.each(['down', 'running'])(
      'with the nodes %s: holds with evidence, and follows only when approved',
      async (nodes) => {
        const gateway = new EtcdGateway(source.url);
        const name = `rewind-${others}-${nodes}`;
        await using pipeline = await Pipeline.start({
          name,
          source,
          nats,
          nodes: 2,
          destinations: [
            {
              name: 'replica',
              kind: 'etcd',
              endpoints: [destination.url],
              checkpointPrefix: `/__tidemark/${name}/`,
              routes: [{ prefix: '/app/', rewrite: `/${name}/` }],
            },
          ],
        });
        const backup = join(tmpdir(), `tidemark-${process.pid}-${name}.snapshot`);
        onTestFinished(() => rmSync(backup));
        await write(gateway, 'before', BEFORE_BACKUP);
        await source.snapshotSave(backup);
        await write(gateway, 'lost', AFTER_BACKUP);
        const reached = await pipeline.anyNode.reached('replica', await gateway.revision());
        const content = await readKeys({ server: destination, prefix: `/${name}/` });

        if (nodes === 'down') await pipeline.kill();
        await source.restoreFrom(backup);
        await write(gateway, 'other', others);
        // The fault happened: what was replicated is no longer in the source's history.
        expect(await gateway.get('/app/lost/0')).toBeNull();
        if (nodes === 'down') await pipeline.start();

        const node = pipeline.anyNode;
        const seen = await node.showsState('replica', 'held');
        expect(seen.reason).toMatch(/rewound|restored|tidemark approve replica/);
        expect(seen.generation).toBe(reached.generation);
        expect(await readKeys({ server: destination, prefix: `/${name}/` })).toEqual(content);

        const approved = await node.approve('replica');
        expect(approved, `${approved.stderr}${pipeline.evidence}`).toMatchObject({ code: 0 });
        const position = { generation: reached.generation + 1, revision: await gateway.revision() };
        await node.reached('replica', position);
        const result = await audit({
          source: { server: source, prefix: '/app/' },
          destination: { server: destination, prefix: `/${name}/` },
        });
        expect(result.differences).toEqual([]);
        expect(result.keys).toBeGreaterThan(50);
      },
    );
  },
);
