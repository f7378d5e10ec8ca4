import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { checkServerIdentity, type JournalConfig, readTls, type TlsContents } from '@tidemark/core';
import type { TlsOptions } from 'nats';

/** Where Node.js was not told whom it connects to. */
const NOBODY = 'localhost';

/** What nats.js hands on to Node.js when a connection is encrypted. Files are read anew at each connect. */
export class NatsTls implements TlsOptions {
  private readonly hosts: readonly string[];

  constructor(private readonly config: Pick<JournalConfig, 'servers' | 'tls'>) {
    this.hosts = config.servers.map((server) => new URL(server).hostname.replace(/^\[|\]$/g, ''));
  }

  /** Whether it was asked for: NATS may also insist on it by itself. */
  get isWanted(): boolean {
    const { tls, servers } = this.config;
    return tls !== undefined || servers.some((server) => server.startsWith('tls://'));
  }

  /** @throws AccessDeniedError */
  get ca(): string {
    return this.read().ca.toString();
  }

  /** Empty where there is none: nats.js leaves that out. @throws AccessDeniedError */
  get cert(): string {
    return this.read().cert?.toString() ?? '';
  }

  /** As `cert`. @throws AccessDeniedError */
  get key(): string {
    return this.read().key?.toString() ?? '';
  }

  /**
   * nats.js names no server to Node.js whose address is an IP, and the certificate would have to be one for `localhost`. It
   * has to be for one of the addresses that are configured. A field, since nats.js copies what is the object's own.
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
