import { localServers } from '@tidemark/testing';
console.log('start');
try {
  await using s = localServers();
  const c = await s.natsCluster({ servers: 2, configuration: [] });
} catch (e) { console.log('caught', String(e).slice(0, 100)); }
console.log('end');
