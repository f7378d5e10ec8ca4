import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readiness } from '@tidemark/api';
import {
  audit,
  type EncryptedEtcd,
  EtcdGateway,
  encryptedEtcd,
  localServers,
  type NatsServer,
  Pipeline,
  type Servers,
  STRANGERS_TLS_FILES,
  TLS_FILES,
  type TlsFiles,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const { ca, cert, key } = TLS_FILES;

/** Who Tidemark is to the NATS servers: the name in its certificate. */
const USER = 'CN=127.0.0.1';

let servers: Servers;
let source: EncryptedEtcd;
let destination: EncryptedEtcd;
let nats: NatsServer;

beforeAll(async () => {
  servers = localServers();
  [source, destination, nats] = await Promise.all([encryptedEtcd(servers), encryptedEtcd(servers), tlsNats()]);
});

afterAll(() => servers[Symbol.asyncDispose]());

function tlsNats(): Promise<NatsServer> {
  const files = `ca_file: "${ca}", cert_file: "${cert}", key_file: "${key}"`;
  return servers.nats({
    configuration: [`tls: { ${files}, verify_and_map: true }`, `authorization: { users: [{ user: "${USER}" }] }`],
  });
}

/** One node, all of whose hops are encrypted with these files. */
function pipeline(
  files: Partial<Record<'source' | 'destination' | 'journal', Partial<TlsFiles>>> = {},
): Promise<Pipeline> {
  const { source: atSource = TLS_FILES, destination: atDestination = TLS_FILES, journal = TLS_FILES } = files;
  return Pipeline.start({
    name: 'encrypted',
    source,
    sourceHop: { tls: atSource },
    nats: { url: nats.url.replace('nats:', 'tls:') },
    journal: { tls: journal },
    destinations: [
      {
        ...{ name: 'copy', kind: 'etcd', endpoints: [destination.url], tls: atDestination },
        routes: [{ prefix: '/conftool/' }],
      },
    ],
    nodes: 1,
  });
}

describe('with TLS on every hop, and certificates on both sides', () => {
  it('the destination ends equal', async () => {
    await using encrypted = await pipeline();
    const writer = new EtcdGateway(source.server.url);
    for (let key = 0; key < 20; key++) await writer.put(`/conftool/${key}`, `value ${key}`);
    await encrypted.anyNode.reached('copy', await writer.put('/conftool/last', 'x'));
    const side = ({ server }: EncryptedEtcd) => ({ server, prefix: '/conftool/' });
    const verdict = await audit({ source: side(source), destination: side(destination) });
    expect(verdict).toEqual({ keys: 21, differences: [] });
    // The certificate ends in 2126.
    for (const hop of ['source', 'coordination', 'journal', 'destination copy']) {
      const seconds = await encrypted.anyNode.metric('tidemark_certificate_expiry_seconds', `hop="${hop}"`);
      expect(seconds / (365.25 * 86_400) + new Date().getUTCFullYear()).toBeCloseTo(2126, -1);
    }
  });
});

type Hop = 'source' | 'journal' | 'destination';

/** Versions of TLS, and of Go, have different words for it. */
const REFUSED = /certificate|unknown ca/;

const TROUBLES: readonly (readonly [trouble: string, files: Partial<TlsFiles>, reason: RegExp])[] = [
  ['does not trust the server', { ...TLS_FILES, ca: STRANGERS_TLS_FILES.ca }, /self-signed certificate/],
  ['shows no certificate', { ca }, REFUSED],
  ['shows the certificate of a stranger', { ...STRANGERS_TLS_FILES, ca }, REFUSED],
  ['names a file that is not there', { ca, cert, key: `${key}.gone` }, /tls\.key: .*tls-key\.pem\.gone cannot be read/],
];

describe.each<Hop>(['source', 'journal', 'destination'])('a node that at the %s', (hop) => {
  it.each(TROUBLES)('%s goes on, and says where to look', async (_, files, reason) => {
    await using troubled = await pipeline({ [hop]: files });
    const node = troubled.anyNode;
    let seen: Readiness['hops'] = [];
    const report = await until(
      async () => {
        seen = (await node.readiness()).hops;
        return seen.find((each) => each.hop.startsWith(hop) && reason.test(each.reason ?? ''));
      },
      { timeoutMs: 30_000, describe: () => `the reason at ${hop}: ${JSON.stringify(seen)}` },
    );
    const setting = files.key?.endsWith('.gone') ? 'the user Tidemark runs as' : 'tls.ca';
    expect(report.remedy).toContain(setting);
    expect((await node.fetch('/metrics')).status).toBe(200);
    expect((await node.command('status')).stdout).toContain(`${report.reason} ${report.remedy}`);
  });
});

it('files that were replaced count as soon as the old ones are refused, without a restart', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-tls-'));
  try {
    const [ofCert, ofKey] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    const use = (files: TlsFiles) => {
      copyFileSync(files.cert, ofCert);
      copyFileSync(files.key, ofKey);
    };
    use(STRANGERS_TLS_FILES);
    const files = { ca, cert: ofCert, key: ofKey };
    await using renewed = await pipeline({ source: files, journal: files, destination: files });
    const node = renewed.anyNode;
    const refused = async () => {
      const { hops } = await node.readiness();
      return ['source', 'journal'].every((name) => REFUSED.test(hops.find(({ hop }) => hop === name)?.reason ?? ''));
    };
    await until(refused, { timeoutMs: 30_000, describe: 'the certificate of a stranger is refused' });
    use(TLS_FILES);
    await node.reached('copy', await new EtcdGateway(source.server.url).put('/conftool/renewed', 'x'));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('a destination whose files are not there stops no other one, and not the leader', async () => {
  const { url } = await servers.etcd();
  const routes = [{ prefix: '/conftool/' }];
  await using node = await Pipeline.start({
    name: 'partly',
    source: source.server,
    nats,
    journal: { servers: [nats.url.replace('nats:', 'tls:')], tls: TLS_FILES },
    destinations: [
      { name: 'well', kind: 'etcd', endpoints: [url], routes },
      { name: 'broken', kind: 'etcd', endpoints: [destination.url], tls: { ca: `${ca}.gone` }, routes },
    ],
    nodes: 1,
  });
  await node.anyNode.reached('well', await new EtcdGateway(source.server.url).put('/conftool/more', 'x'));
  const broken = (await node.anyNode.status()).destinations.find(({ name }) => name === 'broken');
  expect(broken).toMatchObject({ state: 'failed', reason: expect.stringContaining('tls.ca: ') });
});
