import { existsSync, readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates } from 'node:tls';
import { AccessDeniedError, describeError } from '../model/errors.js';
import type { EtcdHopConfig, TlsConfig } from './schema.js';

/** Where distributions keep the certificates that the system trusts. Client libraries use those built into Node instead. */
const SYSTEM_TRUST_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];

/** A certificate, key or password file. `setting` is the key of the configuration that names it. @throws AccessDeniedError */
export function readSecret(file: string, setting: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new AccessDeniedError({
      message: `${setting}: ${file} cannot be read (${reason})`,
      remedy: 'Check the path, and that the user Tidemark runs as may read it.',
      cause,
    });
  }
}

/** A password without a line break at its end, which editors put there. @throws AccessDeniedError */
export function readPassword(file: string, setting: string): string {
  return readSecret(file, setting)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

/** The token of the admin HTTP. An empty one is refused: it would let everybody in. @throws AccessDeniedError */
export function readToken(file: string, setting: string): string {
  const token = readSecret(file, setting).toString('utf8').trim();
  if (token !== '') return token;
  throw new AccessDeniedError({
    message: `${setting}: ${file} is empty`,
    remedy: 'Write a token into it, the same on every node: for example `openssl rand -hex 32`.',
  });
}

/** What the files of `tls:` hold, in PEM; without a certificate of ours there is no key. */
export interface TlsContents {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * Reads the files that a hop names. Without a `ca`, the certificates that the system trusts are used.
 * @param setting key of the configuration that names them
 * @throws AccessDeniedError when one cannot be read, or `cert` and `key` do not belong together
 */
export function readTls(tls: TlsConfig | undefined, setting = 'tls'): TlsContents {
  const ca = tls?.ca === undefined ? systemTrust() : readSecret(tls.ca, `${setting}.ca`);
  if (tls?.cert === undefined || tls.key === undefined) return { ca };
  const cert = readSecret(tls.cert, `${setting}.cert`);
  const key = readSecret(tls.key, `${setting}.key`);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new AccessDeniedError({
      message: `${setting}.cert: ${tls.cert} and ${setting}.key are no certificate and its key: ${describeError(cause)}`,
      remedy: 'Put a certificate and its key there, in PEM. While they are being replaced, this heals by itself.',
      cause,
    });
  }
  return { ca, cert, key };
}

/**
 * Reads all files that a hop names, and keeps nothing.
 * @throws AccessDeniedError for the first one that cannot be used
 */
export function assertReadable({ tls, auth }: Pick<EtcdHopConfig, 'tls' | 'auth'>): void {
  if (tls !== undefined) readTls(tls);
  if (auth !== undefined) readPassword(auth.passwordFile, 'auth.passwordFile');
}

/** Whether a code of Node.js or OpenSSL says that one side does not accept the other's certificate. */
export function isCertificateCode(code: string): boolean {
  return /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code);
}

function systemTrust(): Buffer {
  const file = SYSTEM_TRUST_FILES.find((candidate) => existsSync(candidate));
  return file === undefined ? Buffer.from(rootCertificates.join('\n')) : readSecret(file, 'the trust of the system');
}
