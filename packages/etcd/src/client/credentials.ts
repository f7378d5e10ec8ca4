import { type EtcdHopConfig, readPassword, readSecret, systemTrust, type TlsConfig } from '@tidemark/core';
import type { IOptions } from 'etcd3';

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

/** @throws AccessDeniedError when the password's file cannot be read */
export function readLogin(auth: EtcdHopConfig['auth']): Login | null {
  if (auth === undefined) return null;
  return { name: auth.username, password: readPassword(auth.passwordFile, 'auth.passwordFile') };
}
