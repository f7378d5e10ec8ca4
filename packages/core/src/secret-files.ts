import { existsSync, readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { EtcdHopConfig } from './config/schema.js';
import { AccessDeniedError } from './errors.js';

/** Where distributions keep the certificates the system trusts; client libraries would take those built into Node. */
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

/** The token of the admin HTTP, which an empty one would open to everybody. @throws AccessDeniedError */
export function readToken(file: string, setting: string): string {
  const token = readSecret(file, setting).toString('utf8').trim();
  if (token !== '') return token;
  throw new AccessDeniedError({
    message: `${setting}: ${file} is empty`,
    remedy: 'Write a token into it, the same on every node: for example `openssl rand -hex 32`.',
  });
}

/**
 * Reads all files that a hop names, and keeps nothing.
 * @throws AccessDeniedError for the first one that cannot be read
 */
export function assertReadable({ tls, auth }: Pick<EtcdHopConfig, 'tls' | 'auth'>): void {
  for (const part of ['ca', 'cert', 'key'] as const) {
    const file = tls?.[part];
    if (file !== undefined) readSecret(file, `tls.${part}`);
  }
  if (auth !== undefined) readPassword(auth.passwordFile, 'auth.passwordFile');
}

/** Whether a code of Node.js or OpenSSL says that one side does not accept the other's certificate. */
export function isCertificateCode(code: string): boolean {
  return /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code);
}

/** What is trusted when a hop names no `tls.ca`. @throws AccessDeniedError */
export function systemTrust(): Buffer {
  const file = SYSTEM_TRUST_FILES.find((candidate) => existsSync(candidate));
  return file === undefined ? Buffer.from(rootCertificates.join('\n')) : readSecret(file, 'the trust of the system');
}
