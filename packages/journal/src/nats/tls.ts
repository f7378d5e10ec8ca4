import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { checkServerIdentity, type JournalConfig, readTls, type TlsContents } from '@tidemark/core';
import type { TlsOptions } from 'nats';

/** The name that Node.js checks when no server name was given. */
const NOBODY = 'localhost';

/** TLS options that nats.js passes to Node.js. Files are read again at each connect. */
export class NatsTls implements TlsOptions {
  private readonly hosts: readonly string[];

  constructor(private readonly config: Pick<JournalConfig, 'servers' | 'tls'>) {
    this.hosts = config.servers.map((server) => new URL(server).hostname.replace(/^\[|\]$/g, ''));
  }

  /** Whether the configuration asks for TLS. A NATS server may also require it by itself. */
  get isWanted(): boolean {
    const { tls, servers } = this.config;
    return tls !== undefined || servers.some((server) => server.startsWith('tls://'));
  }

  /** @throws AccessDeniedError */
  get ca(): string {
    return this.read().ca.toString();
  }

  /** Empty without a certificate: nats.js leaves that out. @throws AccessDeniedError */
  get cert(): string {
    return this.read().cert?.toString() ?? '';
  }

  /** As `cert`. @throws AccessDeniedError */
  get key(): string {
    return this.read().key?.toString() ?? '';
  }

  /**
   * For a server whose address is an IP, nats.js gives no name, and Node.js expects a certificate for `localhost`. This
   * accepts a certificate for one of the configured addresses. It is a field because nats.js copies only own properties.
   */
  readonly checkServerIdentity = (name: string, certificate: PeerCertificate): Error | undefined => {
    const names = name === NOBODY ? this.hosts.filter((host) => host === NOBODY || isIP(host) !== 0) : [name];
    const refusals = names.map((each) => checkServerIdentity(each, certificate));
    return refusals.includes(undefined) ? undefined : (refusals[0] ?? checkServerIdentity(name, certificate));
  };

  private read(): TlsContents {
    return readTls(this.config.tls, 'journal.tls');
  }
}
