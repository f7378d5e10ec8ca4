import { type EtcdHopConfig, readPassword, readTls, type TlsContents } from '@tidemark/core';
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

/** @throws AccessDeniedError when a file cannot be read, or used */
export function readCredentials({ auth, endpoints, tls }: EtcdHopConfig): Credentials {
  const encrypted = endpoints.some((endpoint) => endpoint.startsWith('https:'));
  return { tls: encrypted ? toEtcd3(readTls(tls)) : null, login: readLogin(auth) };
}

function toEtcd3({ ca, cert, key }: TlsContents): Tls {
  const own = cert === undefined || key === undefined ? {} : { certChain: cert, privateKey: key };
  return { rootCertificate: ca, ...own };
}

function readLogin(auth: EtcdHopConfig['auth']): Login | null {
  if (auth === undefined) return null;
  return { name: auth.username, password: readPassword(auth.passwordFile, 'auth.passwordFile') };
}
