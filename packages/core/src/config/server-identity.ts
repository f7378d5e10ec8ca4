import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity as checkByNode, type PeerCertificate } from 'node:tls';

/**
 * Whether a certificate is one for `host`; the error if not. For every TLS client: Node.js 22.23 takes an IPv6 address for
 * an empty name, and refuses the certificate that is for it.
 */
export function checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  if (isIP(host) !== 6) return checkByNode(host, certificate);
  if (new X509Certificate(certificate.raw).checkIP(host) !== undefined) return undefined;
  const names = certificate.subjectaltname ?? 'nobody';
  return Object.assign(new Error(`the certificate of ${host} is not for this address, but for ${names}`), {
    // As Node.js has it.
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
}
