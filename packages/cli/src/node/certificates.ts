import { X509Certificate } from 'node:crypto';
import { AccessDeniedError, type Config, type DestinationConfig, type Metrics, readSecret } from '@tidemark/core';

type Hop = readonly [name: string, certificate: string | undefined];

/**
 * Reports how long this node's certificates last, as they are in their files now. A hop without one is left out, and so is
 * one whose file cannot be read or is no certificate: the hop itself says why.
 */
export function reportCertificates(
  { source, coordination, journal }: Config,
  destinations: readonly DestinationConfig[],
  metrics: Metrics,
): void {
  metrics.certificateExpiry.reset();
  const hops: readonly Hop[] = [
    ['source', source.tls?.cert],
    ['coordination', coordination.tls?.cert],
    ['journal', journal.tls?.cert],
    ...destinations.map(({ name, tls }): Hop => [`destination ${name}`, tls?.cert]),
  ];
  for (const [hop, file] of hops) {
    const ends = file === undefined ? null : endOf(file);
    if (ends !== null) metrics.certificateExpiry.set({ hop }, (ends - Date.now()) / 1000);
  }
}

/** Milliseconds since the epoch; null when there is no certificate. */
function endOf(file: string): number | null {
  try {
    return Date.parse(new X509Certificate(readSecret(file, 'tls.cert')).validTo);
  } catch (error) {
    if (error instanceof AccessDeniedError || isOpenSsl(error)) return null;
    throw error;
  }
}

function isOpenSsl(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_OSSL');
}
