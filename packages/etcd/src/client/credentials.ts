import { type EtcdHopConfig, readPassword, readSecret, systemTrust, type TlsConfig } from '@tidemark/core';
import type { IOptions } from 'etcd3';

export interface Login {
  readonly name: string;
  readonly password: string;
}

/** What the files of a hop hold. */
export interface Credentials {
  /** Null when nothing is encrypted. */
  readonly tls: Tls | null;
  readonly login: Login | null;
}

type Tls = NonNullable<IOptions['credentials']>;

/** @throws AccessDeniedError when a file cannot be read */
export function readCredentials({ auth, endpoints, tls }: EtcdHopConfig): Credentials {
  const encrypted = endpoints.some((endpoint) => endpoint.startsWith('https:'));
  return { tls: encrypted ? readTls(tls) : null, login: readLogin(auth) };
}

function readTls(tls: TlsConfig | undefined): Tls {
  const rootCertificate = tls?.ca === undefined ? systemTrust() : readSecret(tls.ca, 'tls.ca');
  if (tls?.cert === undefined || tls.key === undefined) return { rootCertificate };
  return {
    rootCertificate,
    certChain: readSecret(tls.cert, 'tls.cert'),
    privateKey: readSecret(tls.key, 'tls.key'),
  };
}

function readLogin(auth: EtcdHopConfig['auth']): Login | null {
  if (auth === undefined) return null;
  return { name: auth.username, password: readPassword(auth.passwordFile, 'auth.passwordFile') };
}
