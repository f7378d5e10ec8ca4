import { existsSync, readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { AccessDeniedError, type EtcdHopConfig, type TlsConfig } from '@tidemark/core';
import type { IOptions } from 'etcd3';

/** Where distributions keep the certificates the system trusts; gRPC alone would take those built into Node. */
const SYSTEM_TRUST_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];

export interface Login {
  readonly name: string;
  readonly password: string;
}

/** @throws AccessDeniedError when a file cannot be read */
export function readTls(tls: TlsConfig | undefined): NonNullable<IOptions['credentials']> {
  const rootCertificate = tls?.ca === undefined ? systemTrust() : readSecret(tls.ca, 'tls.ca');
  if (tls?.cert === undefined || tls.key === undefined) return { rootCertificate };
  return {
    rootCertificate,
    certChain: readSecret(tls.cert, 'tls.cert'),
    privateKey: readSecret(tls.key, 'tls.key'),
  };
}

/** The password without a line break at its end, which editors put there. @throws AccessDeniedError */
export function readLogin(auth: EtcdHopConfig['auth']): Login | null {
  if (auth === undefined) return null;
  const password = readSecret(auth.passwordFile, 'auth.passwordFile').toString('utf8');
  return { name: auth.username, password: password.replace(/\r?\n$/, '') };
}

function systemTrust(): Buffer {
  const file = SYSTEM_TRUST_FILES.find((candidate) => existsSync(candidate));
  return file === undefined ? Buffer.from(rootCertificates.join('\n')) : readFileSync(file);
}

function readSecret(file: string, setting: string): Buffer {
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
