import { FULL_KEYSPACE } from '@tidemark/core';
import { never } from '@tidemark/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { JournaledSource } from '../src/index.js';
import { Chronicle } from './support/chronicle.js';

let chronicle: Chronicle;
let source: JournaledSource;

beforeEach(async () => {
  chronicle = new Chronicle();
  for (let index = 0; index < 5; index++) chronicle.source.put(`/a/${index}`, 'journaled');
  await chronicle.reset();
  source = new JournaledSource(chronicle.source, chronicle.journal);
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
});
