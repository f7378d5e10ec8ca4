import { type Checkpoint, FULL_KEYSPACE, prefixRange, ReservedKeys, type RouteConfig } from '@tidemark/core';
import { MemoryDestination, never } from '@tidemark/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { Filter, JournaledSource, planAgainstSource, verify } from '../src/index.js';
import { Chronicle } from './support/chronicle.js';

const reserved = new ReservedKeys([prefixRange(Buffer.from('/__tidemark/'))]);

let chronicle: Chronicle;
let source: JournaledSource;

beforeEach(async () => {
  chronicle = new Chronicle();
  for (let index = 0; index < 5; index++) chronicle.source.put(`/a/${index}`, 'journaled');
  await chronicle.reset();
  source = new JournaledSource(chronicle.source, chronicle.journal, reserved);
});

const read = () => source.read(FULL_KEYSPACE, 3, never);

describe('the source, for comparisons', () => {
  it('is read while it is the one that was journaled, and ahead of the journal', async () => {
    chronicle.source.put('/a/newer', 'not journaled yet');
    expect((await read()).revision).toBe(3);
  });

  it('is not read when it is another cluster', async () => {
    chronicle.source.clusterId = '2';
    await expect(read()).rejects.toMatchObject({ code: 'CANNOT_COMPARE' });
  });

  it('is not read when its raft term went back, though it has the revision again', async () => {
    chronicle.source.rewind(3);
    chronicle.source.raftTerm = 1;
    for (let index = 0; index < 9; index++) chronicle.source.put(`/a/${index}`, 'other history');
    await expect(read()).rejects.toMatchObject({ code: 'CANNOT_COMPARE' });
  });

  it('is not read when it stands before the journal', async () => {
    chronicle.source.rewind(3);
    await expect(read()).rejects.toMatchObject({ code: 'CANNOT_COMPARE' });
  });

  it('has none of the keys that the leader leaves out of the journal', async () => {
    chronicle.source.put('/__tidemark/eqiad/leader/1', 'an election');
    const { pages } = await source.read(FULL_KEYSPACE, undefined, never);
    const keys: string[] = [];
    for await (const page of pages) keys.push(...page.map(({ key }) => key.toString()));
    expect(keys).toEqual([0, 1, 2, 3, 4].map((index) => `/a/${index}`));
  });
});

describe('a destination of everything, while coordination lives in the source', () => {
  it.each<[string, RouteConfig]>([
    ['under the same names', { prefix: '/', exclude: [], leased: 'keep' }],
    ['under others', { prefix: '/', rewrite: '/copy/', exclude: [], leased: 'keep' }],
  ])('%s is equal: elections are no content', async (_, route) => {
    chronicle.source.put('/__tidemark/eqiad/leader/1', 'an election');
    const filter = new Filter([route], []);
    const destination = new MemoryDestination();
    for (let index = 0; index < 5; index++) destination.write(`${route.rewrite ?? '/'}a/${index}`, 'journaled');
    const position = { generation: 1, revision: chronicle.source.revision };
    const stands = { filter: filter.fingerprint, resync: null, partial: null, fence: null };
    const next: Checkpoint = { journal: chronicle.stream.id, position, ...stands };
    await destination.apply({ writes: [], expected: null, next }, never);
    const equal = { compared: 5, missing: 0, different: 0, extra: 0 };
    expect(await verify(source, destination, filter, never)).toMatchObject(equal);
    expect(await planAgainstSource(source, { destination, filter, former: null }, never)).toMatchObject(equal);
  });
});
