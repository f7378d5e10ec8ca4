import type { PipelineStatus, PlacedDestination } from '@tidemark/api';
import { expect, it } from 'vitest';
import { renderPage } from '../src/admin/page.js';

const NOW = new Date().toISOString();

const streaming: PlacedDestination = {
  name: 'codfw',
  kind: 'etcd',
  state: 'streaming',
  owner: 'conf1',
  preferredOwner: 'conf1',
  pause: null,
  generation: 1,
  revision: 4711,
  lagRevisions: 0,
  lagSeconds: 0,
  headroomSeconds: 600_000,
  since: NOW,
  reason: null,
  hold: null,
  deviations: [],
  appliedTransactions: 7,
  appliedChanges: 9,
  foreignWrites: { count: 0, last: null, keys: [] },
  verified: null,
};

const well: PipelineStatus = {
  pipeline: 'eqiad',
  leader: { node: 'conf1', term: 6, since: NOW },
  nodes: [
    {
      id: 'conf1',
      listen: '10.0.0.1:8686',
      roles: ['leader', 'worker'],
      version: '0.1.0',
      reachable: true,
      ready: true,
      problems: [],
    },
  ],
  source: { revision: 4711, headroomRevisions: 35 },
  journal: {
    id: 'j',
    generation: 1,
    revision: 4711,
    bytes: 2048,
    firstSequence: 1,
    lastSequence: 7,
    deviations: [],
  },
  destinations: [streaming],
};

const page = async (status: PipelineStatus) => String(await renderPage(status, '10.0.0.1:8686'));

it('shows where everybody is, and since when', async () => {
  const text = await page(well);
  expect(text).toMatch(/conf1, term 6, for 0\.\ds/);
  expect(text).toContain('revision 4711, headroom 35 revisions');
  expect(text).toContain('revision 4711, generation 1, 2.0 KiB');
  expect(text).toContain('<span class="state good">streaming</span>');
  expect(text).toContain('0 revisions, 0.0s');
  expect(text).toContain('6d22h');
  expect(text).not.toContain('class="notes"');
});

it('shows what is wrong with the journal, a destination and a node', async () => {
  const [node] = well.nodes;
  const text = await page({
    ...well,
    leader: null,
    nodes: node === undefined ? [] : [{ ...node, ready: false, problems: ['10.0.0.1:8686 does not answer.'] }],
    journal: well.journal && { ...well.journal, deviations: ['replicas is 1, configured is 3'] },
    destinations: [
      {
        ...streaming,
        state: 'held',
        preferredOwner: 'conf2',
        reason: '1,100 keys would be deleted',
        deviations: ['no auto-compaction'],
      },
    ],
  });
  expect(text).toContain('<dt>Leader</dt><dd><span class="bad">none</span>');
  expect(text).toContain('<span class="state bad">held</span>');
  expect(text).toContain('preferred: conf2');
  const notes = [...text.matchAll(/<div class="why">([^<]*)<\/div>/g)].map(([, note]) => note);
  expect(notes).toEqual([
    'replicas is 1, configured is 3',
    '1,100 keys would be deleted',
    'no auto-compaction',
    '10.0.0.1:8686 does not answer.',
  ]);
});

it('says that the journal is not reachable', async () => {
  expect(await page({ ...well, journal: null })).toContain('<span class="bad">not reachable</span>');
});

it('shows what others have named as text, whatever it contains', async () => {
  const reason = 'delete of /a/<script>alert("x")</script>';
  const text = await page({ ...well, destinations: [{ ...streaming, state: 'failed', reason }] });
  expect(text).not.toContain('<script');
  expect(text).toContain('&lt;script&gt;');
});
