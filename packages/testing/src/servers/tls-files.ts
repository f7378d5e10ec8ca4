import { fileURLToPath } from 'node:url';
import { freePort } from '../network/ports.js';
import type { EtcdServer } from './contract.js';
import type { Servers } from './servers.js';

/** `tls:` of a hop: files in PEM. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A key pair for tests alone, of and for 127.0.0.1, good until 2126; it is its own authority. */
export const TLS_FILES: TlsFiles = filesOf('tls');

/** The like, of somebody whom nobody has heard of. */
export const STRANGERS_TLS_FILES: TlsFiles = filesOf('stranger');

/** As TLS_FILES, of and for ::1. */
export const IPV6_TLS_FILES: TlsFiles = filesOf('ipv6');

function filesOf(name: string): TlsFiles {
  const file = (part: string) => fileURLToPath(new URL(`../../fixtures/${name}-${part}.pem`, import.meta.url));
  return { ca: file('cert'), cert: file('cert'), key: file('key') };
}

/** An etcd that takes its clients by TLS with certificates on both sides, and a test's own questions without. */
export interface EncryptedEtcd {
  readonly server: EtcdServer;
  readonly url: string;
}

export async function encryptedEtcd(
  servers: Servers,
  { host = '127.0.0.1', files = TLS_FILES } = {},
): Promise<EncryptedEtcd> {
  const server = await servers.etcd();
  const url = `https://${host}:${await freePort()}`;
  const { ca, cert, key } = files;
  await server.configure([
    ...['--listen-client-urls', `${server.url},${url}`, '--client-cert-auth'],
    ...['--cert-file', cert, '--key-file', key, '--trusted-ca-file', ca],
  ]);
  await server.stop();
  await server.start();
  return { server, url };
}
