import { localServers, RawNats } from '@tidemark/testing';
for (let i = 0; i < 12; i++) {
  await using s = localServers();
  const t = performance.now();
  const c = await s.natsCluster();
  const ms = performance.now() - t;
  const r = await RawNats.connect(c.servers[i % 3]!.address);
  console.log(Math.round(ms), JSON.stringify((await r.request('$JS.API.STREAM.CREATE.X', JSON.stringify({name:'X',subjects:['x'],num_replicas:3})) as any).error));
  r.close();
}
