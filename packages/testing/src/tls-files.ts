import { fileURLToPath } from 'node:url';

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

function filesOf(name: string): TlsFiles {
  const file = (part: string) => fileURLToPath(new URL(`../fixtures/${name}-${part}.pem`, import.meta.url));
  return { ca: file('cert'), cert: file('cert'), key: file('key') };
}
