import { localServers } from '@tidemark/testing';
import { FULL_KEYSPACE, prefixRange, type KeyValue, type RecordDraft } from '@tidemark/core';
import { NatsJournal } from './src/index.js';
const servers = localServers();
const nats = await servers.nats();
const never = new AbortController().signal;
try {
  const journal = new NatsJournal({ name: 'bench', node: 'n1', config: { servers: [nats.url], replicas: 1, maxAge: 7*86400e3, maxBytes: 2*1024**3 } });
  await journal.open(never);
  console.log(await journal.info(never));
  const kvs = (n: number): KeyValue[] => Array.from({length: n}, (_, i) => ({ key: Buffer.from(`/k/${String(i).padStart(9,'0')}`), value: Buffer.alloc(137, 66), createRevision: 5, modRevision: 9, version: 2, lease: 0n }));
  const all = kvs(100_000);
  async function* pages() { for (let i = 0; i < all.length; i += 1000) yield all.slice(i, i + 1000); }
  for (let r = 0; r < 3; r++) {
    let t = performance.now();
    const ref = await journal.snapshots.put({ generation: 1, revision: 10 }, pages(), never);
    console.log('put', (performance.now() - t).toFixed(0), 'ms', ref);
    t = performance.now(); let n = 0;
    for await (const page of journal.snapshots.open(ref.id, FULL_KEYSPACE, never)) n += page.length;
    console.log('open', (performance.now() - t).toFixed(0), 'ms', n);
    t = performance.now(); n = 0;
    for await (const page of journal.snapshots.open(ref.id, prefixRange(Buffer.from('/k/00000001')), never)) n += page.length;
    console.log('range', (performance.now() - t).toFixed(0), 'ms', n);
  }
  console.log((await journal.snapshots.list(never)).length);
  for (const s of await journal.snapshots.list(never)) await journal.snapshots.remove(s.id, never);
  console.log(await journal.snapshots.list(never));
  const head = await journal.head(never);
  const writer = await journal.takeOver(head, 5, 'n1', never);
  const snapshot = { id: 's', position: { generation: 1, revision: 100 }, keys: 1, bytes: 1, createdAt: 1 };
  await writer.append({ kind: 'reset', generation: 1, revision: 100, anchor: null, reason: 'first_start', evidence: '', clusterId: '1', snapshot });
  const batch = (from: number, n: number): RecordDraft => ({ kind: 'batch', generation: 1, revision: from + n - 1, anchor: null, entries: Array.from({length: n}, (_, i) => ({ revision: from + i, changes: [{ kind: 'put' as const, key: Buffer.from(`/conftool/${i}`), value: Buffer.alloc(100, 65), createRevision: 5, version: 2, lease: 0n }] })) });
  console.log(writer.batchBytes);
  let t = performance.now(); let next = 101; const acks = [];
  for (let i = 0; i < 200; i++) { acks.push(writer.append(batch(next, 500))); next += 500; }
  await Promise.all(acks);
  console.log('append 100k revisions in 200 batches', (performance.now() - t).toFixed(0), 'ms');
  for (let r = 0; r < 3; r++) {
    t = performance.now(); const stop = new AbortController(); let count = 0;
    for await (const { record } of journal.read('oldest', stop.signal)) { if (record.kind === 'batch') count += record.entries.length; if (record.revision === next - 1) break; }
    const ms = performance.now() - t; console.log('read', count, 'revisions', ms.toFixed(0), 'ms', (count / ms * 1000).toFixed(0), '/s');
  }
  t = performance.now();
  for await (const { record, sequence } of journal.read({ after: { generation: 1, revision: 50_200 } }, never)) { console.log('located', record.previous, record.revision, sequence, (performance.now() - t).toFixed(1), 'ms'); break; }
  // latency
  const lat: number[] = []; const sent = new Map<number, number>(); const stop = new AbortController();
  const reading = (async () => { for await (const { record } of journal.read({ after: { generation: 1, revision: next - 1 } }, stop.signal)) { const s = sent.get(record.revision); if (s !== undefined) lat.push(performance.now() - s); } })();
  await new Promise(r => setTimeout(r, 300));
  const ackLat: number[] = [];
  for (let i = 0; i < 500; i++) { sent.set(next, performance.now()); await writer.append(batch(next++, 1)); ackLat.push(performance.now() - (sent.get(next - 1) ?? 0)); await new Promise(r => setTimeout(r, 2)); }
  await new Promise(r => setTimeout(r, 100)); stop.abort(); await reading;
  const p = (a: number[], q: number) => a.sort((x, y) => x - y)[Math.floor(a.length * q)]?.toFixed(2);
  console.log('latency', lat.length, 'p50', p(lat, .5), 'p99', p(lat, .99), 'ack p50', p(ackLat, .5), p(ackLat, .99));
  t = performance.now(); const one = []; for (let i = 0; i < 20000; i++) one.push(writer.append(batch(next++, 1))); await Promise.all(one);
  console.log('20000 single appends', (performance.now() - t).toFixed(0), 'ms');
  t = performance.now(); let c = 0; for await (const { record } of journal.read({ after: { generation: 1, revision: next - 20001 } }, never)) { c++; if (record.revision === next - 1) break; }
  console.log('read', c, 'single records', (performance.now() - t).toFixed(0), 'ms');
  const big: RecordDraft = { kind: 'batch', generation: 1, revision: next, anchor: null, entries: [{ revision: next, changes: [{ kind: 'put', key: Buffer.from('big'), value: Buffer.alloc(3*1024*1024, 7), createRevision: 1, version: 1, lease: 0n }] }] };
  t = performance.now(); await writer.append(big); console.log('3MiB append', (performance.now() - t).toFixed(0));
  for await (const { record, bytes } of journal.read({ after: { generation: 1, revision: next - 1 } }, never)) { console.log('3MiB', record.kind, bytes, record.kind === 'batch' ? record.entries[0]?.changes[0]?.kind : ''); break; }
  console.log(await journal.info(never), await journal.head(never));
  await journal.close();
} finally { await servers[Symbol.asyncDispose](); }
