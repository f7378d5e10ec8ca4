import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createConnection } from 'node:net';
import { connect, createServer, type PeerCertificate } from 'node:tls';
import { IPV6_TLS_FILES, TLS_FILES } from '@tidemark/testing';
import { expect, it } from 'vitest';
import { NatsTls } from '../src/nats/tls.js';

/** Whether a certificate is good for whom nats.js says it connects to; `localhost` is what it says of an address. */
function isGood(servers: readonly string[], name: string, certifiedFor: string): boolean {
  const certificate = { subject: { CN: 'nats' }, subjectaltname: certifiedFor } as unknown as PeerCertificate;
  return new NatsTls({ servers: [...servers] }).checkServerIdentity(name, certificate) === undefined;
}

it.each([
  [['tls://10.0.0.5:4222'], 'localhost', 'IP Address:10.0.0.5', true],
  [['tls://10.0.0.5:4222'], 'localhost', 'IP Address:10.0.0.6', false],
  [['tls://10.0.0.5:4222'], 'localhost', 'DNS:localhost', false],
  [['tls://10.0.0.5:4222', 'tls://10.0.0.6:4222'], 'localhost', 'IP Address:10.0.0.6', true],
  [['tls://localhost:4222'], 'localhost', 'DNS:localhost', true],
  [['tls://nats1.example.net'], 'nats1.example.net', 'DNS:nats1.example.net', true],
  [['tls://nats1.example.net'], 'nats1.example.net', 'DNS:nats2.example.net', false],
  // The address of a server that another one named, which nobody configured.
  [['tls://nats1.example.net'], 'localhost', 'IP Address:10.0.0.9', false],
])('servers %j, connecting to %s: a certificate for %s is good: %s', (servers, name, certifiedFor, good) => {
  expect(isGood(servers, name, certifiedFor)).toBe(good);
});

const FILES = { '127.0.0.1': TLS_FILES, '::1': IPV6_TLS_FILES };

// Each as Node.js hands it over: some of its versions take an IPv6 address for an empty name.
it.each([
  ['tls://[::1]:4222', '::1', true],
  ['tls://[0:0:0:0:0:0:0:1]:4222', '::1', true],
  ['tls://[fd00::5]:4222', '::1', false],
  ['tls://[::1]:4222', '127.0.0.1', false],
  ['tls://127.0.0.1:4222', '127.0.0.1', true],
  ['tls://127.0.0.1:4222', '::1', false],
] as const)('server %s, connecting by TLS: a certificate for %s is good: %s', async (server, certifiedFor, good) => {
  const { ca, cert, key } = FILES[certifiedFor];
  const listening = createServer({ cert: readFileSync(cert), key: readFileSync(key) });
  await once(listening.listen(0, '127.0.0.1'), 'listening');
  try {
    const { checkServerIdentity } = new NatsTls({ servers: [server] });
    const { port } = listening.address() as AddressInfo;
    // As nats.js, over a socket that is open and without a name.
    const socket = connect({
      socket: createConnection(port, '127.0.0.1'),
      ca: readFileSync(ca),
      checkServerIdentity,
    });
    const refusal = await once(socket, 'secureConnect').then(
      () => null,
      (error: unknown) => error,
    );
    socket.destroy();
    if (good) expect(refusal).toBeNull();
    else expect(refusal).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  } finally {
    listening.close();
  }
});
