import type { PeerCertificate } from 'node:tls';
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
  [['tls://[fd00::5]:4222'], 'localhost', 'IP Address:FD00:0:0:0:0:0:0:5', true],
  [['tls://localhost:4222'], 'localhost', 'DNS:localhost', true],
  [['tls://nats1.example.net'], 'nats1.example.net', 'DNS:nats1.example.net', true],
  [['tls://nats1.example.net'], 'nats1.example.net', 'DNS:nats2.example.net', false],
  // The address of a server that another one named, which nobody configured.
  [['tls://nats1.example.net'], 'localhost', 'IP Address:10.0.0.9', false],
])('servers %j, connecting to %s: a certificate for %s is good: %s', (servers, name, certifiedFor, good) => {
  expect(isGood(servers, name, certifiedFor)).toBe(good);
});
