import { createLogger, type Elector, prefixRange, createMetrics } from '@tidemark/core';
import { EtcdClient, EtcdKv, EtcdSource } from '@tidemark/etcd';
import { NatsJournal } from '@tidemark/journal';
import { ReservedKeys, runLeader } from '@tidemark/leader';
import { EtcdDestination, Route, runWorker } from '@tidemark/worker';
import { conftoolKeyspace, EtcdGateway, loadKeys, localServers, until, audit } from '@tidemark/testing';

const servers = localServers();
const [source, dest, nats] = await Promise.all([servers.etcd(), servers.etcd(), servers.nats()]);
const N = Number(process.argv[2] ?? 1000);
await loadKeys(source, conftoolKeyspace({ seed: 1, keys: N }));
const logger = createLogger('info');
const stop = new AbortController();
const elector: Elector = { async lead(work, signal) { await work({ token: 5, signal, assertHeld() {}, async prove() {} }); } };
const cfg = { servers: [nats.url], replicas: 1 as const, maxAge: 7 * 864e5, maxBytes: 8 * 1024 ** 3, snapshotEvery: 6 * 36e5 };
const journal = new NatsJournal({ name: 't', config: cfg, node: 'a', log: logger });
const src = new EtcdSource(new EtcdClient({ endpoints: [source.url] }));
let reached = 0;
const t0 = performance.now();
const leader = runLeader({ node: 'a', source: src, journal, elector, reserved: new ReservedKeys([prefixRange(Buffer.from('/__tidemark/'))]), snapshotEveryMs: 36e5, progressEveryMs: 36e5, logger,
  observer: { elected() {}, tookOver() {}, received() {}, journaled() {}, reset(r) { console.log('reset', r); }, fenced() {}, steppedDown() {} } }, stop.signal);
const worker = runWorker({ journal: new NatsJournal({ name: 't', config: cfg, node: 'a', log: logger }), destination: new EtcdDestination(new EtcdKv(new EtcdClient({ endpoints: [dest.url] })), { checkpointKey: Buffer.from('/__tidemark/t/d/checkpoint') }), routes: [new Route({ prefix: '/conftool/', exclude: [], leased: 'keep' }, [])], logger,
  observer: { state(s, r) { console.log('state', s, r, Math.round(performance.now() - t0)); }, applied() {}, reached(p) { reached = p.revision; }, waiting() {}, fenced() { console.log('fenced'); } } }, stop.signal);
const g = new EtcdGateway(source.url);
const head = await g.revision();
await until(() => reached >= head, { describe: 'base', timeoutMs: 15000, everyMs: 2 });
console.log('base sync', Math.round(performance.now() - t0), 'ms');
const t1 = performance.now();
for (let i = 0; i < 500; i++) await g.put('/conftool/x' + (i % 10), 'v' + i);
const h2 = await g.revision();
console.log('500 puts', performance.now() - t1);
await until(() => reached >= h2, { describe: 'live', timeoutMs: 20000, everyMs: 2 });
console.log('live', performance.now() - t1);
console.log(await audit({ source: { server: source, prefix: '/conftool/' }, destination: { server: dest, prefix: '/conftool/' } }));
stop.abort();
await Promise.all([leader, worker]);
await src.close(); await journal.close();
await servers[Symbol.asyncDispose]();
process.exit(0);
