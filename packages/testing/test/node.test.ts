import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PipelineStatus, PlacedDestination } from '@tidemark/api';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TidemarkNode } from '../src/index.js';

const directory = mkdtempSync(join(tmpdir(), 'tidemark-node-'));
let answer: PipelineStatus;
let node: TidemarkNode;
const server = createServer((_, response) => response.end(JSON.stringify(answer)));

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  node = new TidemarkNode('node1', `127.0.0.1:${port}`, { directory, config: {} });
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

/** A destination at revision 10 of a generation, and the journal's generation. */
function shows(generation: number, journal: number | null, state: PlacedDestination['state'] = 'streaming'): void {
  answer = {
    ...{ pipeline: 'test', leader: null, nodes: [], source: { revision: null, headroomRevisions: null } },
    journal:
      journal === null
        ? null
        : { id: 'j', generation: journal, revision: 1, bytes: 0, firstSequence: 1, lastSequence: 1, deviations: [] },
    destinations: [
      {
        ...{ name: 'replica', kind: 'etcd', owner: 'node1', state, generation, revision: 10, reason: null, hold: null },
        ...{ lagRevisions: 0, lagSeconds: 0, headroomSeconds: null, since: '2026-01-01T00:00:00.000Z' },
        ...{ appliedTransactions: 0, appliedChanges: 0, foreignWrites: { count: 0, last: null, keys: [] } },
        ...{ verified: null, deviations: [], preferredOwner: 'node1', pause: null },
      },
    ],
  };
}

/** Without a limit: that of a test that has to come true. */
function reached(wanted: Parameters<TidemarkNode['reached']>[1], limitMs?: number) {
  return node.reached('replica', wanted, limitMs);
}

it('a revision is reached in the generation that the journal is in now', async () => {
  shows(2, 2);
  expect(await reached(10)).toMatchObject({ generation: 2, revision: 10 });
  expect(await reached({ generation: 1, revision: 10 })).toMatchObject({ revision: 10 });
  expect(await reached({ generation: 2, revision: 10 })).toMatchObject({ revision: 10 });
});

it.each([
  ['in a generation before the journal is', [1, 2, 'streaming'], 10],
  ['while the journal is not seen', [2, null, 'streaming'], 10],
  ['while it is held', [2, 2, 'held'], 10],
  ['before that revision', [2, 2, 'streaming'], 11],
  ['in a generation before the wanted one', [2, 2, 'streaming'], { generation: 3, revision: 10 }],
] as const)('a revision is not reached %s', async (_, [generation, journal, state], wanted) => {
  shows(generation, journal, state);
  await expect(reached(wanted, 300)).rejects.toThrow('in vain for: replica at revision');
});

it('what it reported last is kept for those who wait in vain', async () => {
  shows(7, 7);
  await node.status();
  expect(node.seenStatus).toEqual(answer);
});
