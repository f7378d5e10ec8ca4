import {
  type EtcdServer,
  localServers,
  type NatsDataCopy,
  type NatsServer,
  nodeConfig,
  type RawMessage,
  readRawJournal,
  type Servers,
  type TidemarkNode,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteStream, modRevisions, replicaOf, Stage, versions } from './support/stage.js';

let servers: Servers;
let source: EtcdServer;
let destination: EtcdServer;
let nats: NatsServer;
/** The data of a nats-server that never stored anything. */
let nothing: NatsDataCopy;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
  nothing = await nats.copyData();
});

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

/** Coordination is kept out of the source: an idle source is really idle then. */
const stage = (name: string, nodes = 1) =>
  Stage.start(name, { source, destination, nats }, { nodes, coordination: { endpoints: [destination.url] } });

async function snapshotIds(node: TidemarkNode): Promise<string[]> {
  return (await node.output('snapshot list')).map(({ id }) => id);
}

const kindOf = (message: RawMessage | undefined) => message?.headers.get('Tidemark-Kind');

describe('NATS data put back to an earlier copy: an acknowledged suffix of the journal is lost', () => {
  const CASES = [
    { nodes: 'running', suffix: 'kept' },
    { nodes: 'down', suffix: 'kept' },
    { nodes: 'running', suffix: 'compacted' },
    { nodes: 'down', suffix: 'compacted' },
  ];

  it.each(CASES)('nodes $nodes, suffix $suffix at the source: one chain, equal, no effect twice', async (fault) => {
    await using play = await stage(`suffix-${fault.nodes}-${fault.suffix}`, 2);
    await play.write('before', 50);
    await play.reached();
    const copy = await nats.copyData();
    const kept = (await readRawJournal(nats, play.stream)).length;
    await play.write('lost', 100);
    const stood = await play.reached();
    const [lost] = (await readRawJournal(nats, play.stream)).slice(kept);
    expect(kindOf(lost)).toBe('batch');

    if (fault.nodes === 'down') await play.pipeline.kill();
    if (fault.suffix === 'compacted') await play.source.compact(await play.source.revision());
    await nats.restoreData(copy);
    if (fault.nodes === 'down') await play.pipeline.start();

    await play.write('after', 50);
    const stands = await play.reached();
    const verdict = await play.expectOneChain();
    // The fault happened: what was acknowledged after the copy is gone, and a leader took over there.
    expect(kindOf((await readRawJournal(nats, play.stream))[kept])).toBe('term');
    expect(verdict.kinds['reset']).toBe(fault.suffix === 'compacted' ? 2 : 1);
    expect(stands.generation).toBe(stood.generation + (fault.suffix === 'compacted' ? 1 : 0));
    await play.expectEqual(200);
    await play.expectSameVersions();
  });

  it('with the source idle: the leader notices, and writes the suffix again', async () => {
    await using play = await stage('suffix-idle');
    await play.write('before', 50);
    await play.reached();
    const copy = await nats.copyData();
    const kept = (await readRawJournal(nats, play.stream)).length;
    await play.write('lost', 100);
    await play.reached();
    expect(kindOf((await readRawJournal(nats, play.stream))[kept])).toBe('batch');
    await nats.restoreData(copy);

    const head = await play.source.revision();
    await until(
      async () => Number((await readRawJournal(nats, play.stream)).at(-1)?.headers.get('Tidemark-Last')) >= head,
      { describe: 'the journal at the head of the source again', timeoutMs: 20_000, everyMs: 200 },
    );
    // The fault happened: a leader took over where the suffix was.
    expect(kindOf((await readRawJournal(nats, play.stream))[kept])).toBe('term');
    await play.expectOneChain();
    await play.reached();
    await play.expectSameVersions();
  });

  it.each(['running', 'down'])(
    'a reset is in the lost suffix, nodes %s: its generation is not used again',
    async (nodes) => {
      await using play = await stage(`reset-${nodes}`);
      await play.write('before', 50);
      await play.reached();
      const copy = await nats.copyData();

      await play.pipeline.stop();
      await play.write('unseen', 50);
      await play.source.compact(await play.source.revision());
      await play.pipeline.start();
      await play.write('lost', 50);
      const stood = await play.reached();
      // The fault will happen: the generation that is lost is one that the destination stands in.
      expect(stood.generation).toBe(2);

      if (nodes === 'down') await play.pipeline.kill();
      await nats.restoreData(copy);
      if (nodes === 'down') await play.pipeline.start();
      await play.write('after', 50);
      const stands = await play.begunAnew(stood.generation);
      expect(stands.generation).toBe(3);
      const generations = (await readRawJournal(nats, play.stream)).map(({ headers }) =>
        headers.get('Tidemark-Generation'),
      );
      expect([...new Set(generations)]).toEqual(['1', '3']);
      await play.expectOneChain();
      await play.expectEqual(200);
      await play.expectSameVersions();
    },
  );
});

describe('the journal is gone', () => {
  it.each(['idle', 'writing'])(
    'stream deleted while running, source %s: begins again, only differences are written',
    async (load) => {
      await using play = await stage(`deleted-${load}`, 2);
      await play.write('before', 100);
      const stood = await play.reached();
      const untouched = await modRevisions(destination, `${play.prefix}before/`);

      await deleteStream(nats, play.stream);
      if (load === 'writing') await play.write('after', 100);
      const stands = await play.begunAnew(stood.generation);

      expect(stands.generation).toBe(2);
      expect(await play.counter('resets_total', 'reason="journal_lost"')).toBe(1);
      await play.expectOneChain();
      await play.expectEqual(100);
      await play.expectSameVersions();
      expect(await modRevisions(destination, `${play.prefix}before/`)).toEqual(untouched);
    },
  );

  it('store wiped while everything is down: begins again, only differences are written', async () => {
    await using play = await stage('wiped');
    await play.write('before', 100);
    const stood = await play.reached();
    const untouched = await modRevisions(destination, `${play.prefix}before/`);
    await play.pipeline.kill();
    await nats.restoreData(nothing);
    await expect(readRawJournal(nats, play.stream)).rejects.toThrow(/stream not found/);
    await play.write('after', 20);
    await play.source.delete(`${play.prefix}before/0`);
    await play.pipeline.start();

    const stands = await play.reached();
    expect(stands.generation).toBeGreaterThan(stood.generation);
    expect(await play.counter('resets_total', 'reason="journal_lost"')).toBe(1);
    await play.expectEqual(119);
    await play.expectSameVersions();
    untouched.delete(`${play.prefix}before/0`);
    expect(await modRevisions(destination, `${play.prefix}before/`)).toEqual(untouched);
  });

  it('an older journal in its place, with records and an identity of its own: nothing goes back', async () => {
    await using play = await stage('older');
    await play.write('key', 20, 'first');
    await play.reached();
    const older = await nats.copyData();
    await deleteStream(nats, play.stream);
    await play.write('key', 20, 'second');
    await play.begunAnew(1);
    await play.expectSameVersions();
    const journal = await play.pipeline.anyNode.output('journal info');

    await play.pipeline.kill();
    await nats.restoreData(older);
    await play.pipeline.start();
    await play.begunAnew(2);
    // The fault happened: it is another journal than the one that was written last.
    const now = await play.pipeline.anyNode.output('journal info');
    expect(now.id).not.toBe(journal.id);
    // A replay from the older journal would have put the first values once more, and the second ones again.
    await play.expectSameVersions();
    await play.expectEqual(20);
  });
});

it('snapshots deleted: a new destination gets a snapshot all the same', async () => {
  await using play = await stage('bucket', 2);
  await play.write('key', 100);
  await play.reached();
  const leader = await play.pipeline.leader();
  const other = play.pipeline.nodes.find((node) => node !== leader);
  if (other === undefined) throw new Error('two nodes were asked for');
  const [before] = await snapshotIds(leader);
  await deleteStream(nats, `OBJ_${play.stream}`);

  const second = replicaOf(play.name, destination, 'second', '/bucket-second/');
  const destinations = [replicaOf(play.name, destination), second];
  await other.stop();
  const { id, listen } = other;
  const coordination = { endpoints: [destination.url] };
  const journal = { maxBytes: '64MiB' };
  other.configure(nodeConfig({ name: play.name, source, nats, coordination, journal, destinations }, { id, listen }));
  await other.start();
  await other.reached('second', await play.source.revision());
  expect((await versions(destination, '/bucket-second/')).size).toBe(100);
  // The fault happened: the snapshot was another one than the one that was taken at the start.
  expect(await snapshotIds(leader)).not.toContain(before);
  expect(await play.counter('resets_total', 'reason="snapshot_missing"')).toBe(1);
  expect((await leader.status()).source.revision).toBeGreaterThan(0);
});

describe('limits of the journal', () => {
  it.each(['stopped', 'frozen'])(
    'full while a worker is %s: it falls out of retention and heals by difference',
    async (worker) => {
      const limits = { maxBytes: '512KiB' };
      await using play = await Stage.prepare(
        `full-${worker}`,
        { source, destination, nats },
        { nodes: 2, journal: limits },
      );
      const [leading, working] = play.pipeline.nodes;
      if (leading === undefined || working === undefined) throw new Error('two nodes were asked for');
      const options = {
        name: play.name,
        source,
        nats,
        journal: limits,
        destinations: [replicaOf(play.name, destination)],
      };
      for (const [node, role] of [
        [leading, 'leader'],
        [working, 'worker'],
      ] as const) {
        node.configure({ ...nodeConfig(options, node), node: { id: node.id, listen: node.listen, roles: [role] } });
      }
      await play.pipeline.start();
      await play.write('before', 20);
      const stood = await play.reached();

      if (worker === 'stopped') await working.stop();
      else await working.pause();
      for (let n = 0; n < 30; n++) await play.write('large', 20, `${n} ${'x'.repeat(4096)}`);
      await play.source.delete(`${play.prefix}before/0`);
      const revision = await play.source.revision();
      await until(async () => ((await leading.status()).journal?.revision ?? 0) >= revision, {
        describe: 'all journaled',
      });
      // The fault happened: the oldest record begins after the destination.
      const [oldest] = await readRawJournal(nats, play.stream);
      expect(Number(oldest?.headers.get('Tidemark-First'))).toBeGreaterThan(stood.revision + 1);

      if (worker === 'stopped') await working.start();
      else await working.resume();
      const stands = await play.reached(working);
      expect(stands.generation).toBe(stood.generation);
      await play.expectEqual(39);
      // What did not differ was not touched, and nothing was taken back on the way.
      await play.expectSameVersions('before/');
      expect(Math.max(...(await versions(destination, `${play.prefix}large/`)).values())).toBeLessThanOrEqual(2);
    },
  );

  it('records older than 5 s are removed, source idle: a leader that was away meanwhile begins again', async () => {
    const servers_ = { source, destination, nats };
    await using play = await Stage.start('aged', servers_, {
      nodes: 1,
      coordination: { endpoints: [destination.url] },
      journal: { maxAge: '5s', maxBytes: '64MiB' },
    });
    await play.write('key', 50);
    const stood = await play.reached();
    const messages = async () => (await readRawJournal(nats, play.stream)).length;

    // Idle for longer than that: progress records keep it from ageing empty.
    const first = (await readRawJournal(nats, play.stream))[0]?.sequence ?? 0;
    const aged = async () => ((await readRawJournal(nats, play.stream))[0]?.sequence ?? 0) > first + 3;
    await until(aged, { describe: 'the first records removed', timeoutMs: 20_000, everyMs: 200 });
    await play.pipeline.stop();
    const left = (await readRawJournal(nats, play.stream)).at(-1);
    await play.pipeline.start();
    await play.write('short', 1);
    const restarted = await play.reached();
    // A busy machine may take longer than 5 s for that, and no record be left: only then history begins anew.
    const mayBeEmpty = left === undefined || Date.now() - left.storedAt > 5_000;
    const resets = await play.counter('resets_total', '');
    expect(resets).toBeLessThanOrEqual(mayBeEmpty ? 1 : 0);
    expect(restarted.generation).toBe(stood.generation + resets);

    await play.pipeline.stop();
    await until(async () => (await messages()) === 0, {
      describe: 'an empty journal',
      timeoutMs: 20_000,
      everyMs: 200,
    });
    await play.pipeline.start();
    await play.write('after', 1);
    const stands = await play.begunAnew(restarted.generation);
    expect(stands.generation).toBe(restarted.generation + 1);
    await play.expectEqual(52);
    await play.expectSameVersions();
  });
});
