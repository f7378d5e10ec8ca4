import type { DestinationView, KeyRange, SnapshotReader } from '@tidemark/core';
import type { Filter } from '../routes/filter.js';
import type { Item, Route } from '../routes/route.js';
import { type Difference, difference } from './difference.js';

/** A complete copy of the source at one position, readable by range: a snapshot, or the source itself at a revision. */
export interface SourceCopy {
  read(range: KeyRange, signal: AbortSignal): ReturnType<SnapshotReader['open']>;
}

/** What differs under one route. `onCompared` counts the keys that should be there. */
export function routeDifference(
  route: Route,
  { copy, view }: Pick<Comparison, 'copy' | 'view'>,
  signal: AbortSignal,
  onCompared: (keys: number) => void = () => undefined,
): AsyncGenerator<readonly Difference[]> {
  const wanted = wantedItems(route, copy, signal, onCompared);
  const actual = ownedItems(route, view, signal);
  return difference(wanted, actual);
}

/** How the keys of a route should be at the destination, in key order. */
export async function* wantedItems(
  route: Route,
  copy: SourceCopy,
  signal: AbortSignal,
  onCompared: (keys: number) => void = () => undefined,
): AsyncGenerator<Item[]> {
  for await (const page of copy.read(route.sourceRange, signal)) {
    const items: Item[] = [];
    for (const keyValue of page) {
      const item = route.mapKeyValue(keyValue);
      if (item !== null) items.push(item);
    }
    onCompared(items.length);
    yield items;
  }
}

async function* ownedItems(route: Route, view: DestinationView, signal: AbortSignal): AsyncGenerator<readonly Item[]> {
  for await (const page of view.range(route.destinationRange, signal)) {
    yield page.filter((item) => route.owns(item.key));
  }
}

/** What is compared with what. */
export interface Comparison {
  readonly copy: SourceCopy;
  readonly view: DestinationView;
  readonly filter: Filter;
  /** Routes under which the destination was written before: keys that only they took are `extra` now. */
  readonly former: Filter | null;
}

/** All that differs, a route after the other, each in key order. */
export async function* differences(
  comparison: Comparison,
  signal: AbortSignal,
  onCompared?: (keys: number) => void,
): AsyncGenerator<readonly Difference[]> {
  const { view, filter, former } = comparison;
  for (const route of filter.routes) yield* routeDifference(route, comparison, signal, onCompared);
  for (const [index, route] of (former?.routes ?? []).entries()) {
    // Former routes may overlap: each key once.
    const earlier = former?.routes.slice(0, index) ?? [];
    for await (const page of ownedItems(route, view, signal)) {
      const orphans = page.filter(({ key }) => !filter.owns(key) && !earlier.some((each) => each.owns(key)));
      if (orphans.length > 0) yield orphans.map(({ key }) => ({ kind: 'extra', key }));
    }
  }
}
