import { createSecureContext } from 'node:tls';
import {
  AccessDeniedError,
  describeError,
  type EtcdHopConfig,
  readPassword,
  readSecret,
  systemTrust,
  type TlsConfig,
} from '@tidemark/core';
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
  return { tls: encrypted ? readTls(tls) : null, login: readLogin(auth) };
}

function readTls(tls: TlsConfig | undefined): Tls {
  const rootCertificate = tls?.ca === undefined ? systemTrust() : readSecret(tls.ca, 'tls.ca');
  if (tls?.cert === undefined || tls.key === undefined) return { rootCertificate };
  const certChain = readSecret(tls.cert, 'tls.cert');
  const privateKey = readSecret(tls.key, 'tls.key');
  assertPair(tls.cert, { cert: certChain, key: privateKey });
  return { rootCertificate, certChain, privateKey };
}

/** Where one of two files is replaced already, or holds something else. */
function assertPair(file: string, pair: { readonly cert: Buffer; readonly key: Buffer }): void {
  try {
    createSecureContext(pair);
  } catch (cause) {
    throw new AccessDeniedError({
      message: `tls.cert: ${file} and tls.key are no certificate and its key: ${describeError(cause)}`,
      remedy: 'Put a certificate and its key there, in PEM. While they are being replaced, it passes by itself.',
      cause,
    });
  }
}

function readLogin(auth: EtcdHopConfig['auth']): Login | null {
  if (auth === undefined) return null;
  return { name: auth.username, password: readPassword(auth.passwordFile, 'auth.passwordFile') };
}
