import { keyAfter, type SourceReader } from '@tidemark/core';
import type { Route } from '../routes/route.js';

/** What a key of the destination should hold when it is at a revision of the source; null for nothing. */
export async function wantedValue(
  { source, routes }: { readonly source: SourceReader; readonly routes: readonly Route[] },
  { key, revision }: { readonly key: Buffer; readonly revision: number },
  signal: AbortSignal,
): Promise<Buffer | null> {
  for (const route of routes) {
    const sourceKey = route.sourceKey(key);
    if (sourceKey === null) continue;
    const { pages } = await source.read({ start: sourceKey, end: keyAfter(sourceKey) }, revision, signal);
    for await (const page of pages) {
      for (const keyValue of page) return route.mapKeyValue(keyValue)?.value ?? null;
    }
    return null;
  }
  return null;
}
