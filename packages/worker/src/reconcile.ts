import type { DestinationView, KeyRange, SnapshotStore } from '@tidemark/core';
import { type Difference, difference } from './difference.js';
import type { Item, Route } from './routes.js';

/** How many keys of a destination are not as a copy of the source says. */
export interface DifferenceCount {
  readonly compared: number;
  readonly missing: number;
  readonly different: number;
  readonly extra: number;
}

/** A complete copy of the source at one position, readable by range: a snapshot, or the source itself at a revision. */
export interface SourceCopy {
  read(range: KeyRange, signal: AbortSignal): ReturnType<SnapshotStore['open']>;
}

/** What differs under one route. `onCompared` counts the keys that should be there. */
export function routeDifference(
  route: Route,
  copy: SourceCopy,
  view: DestinationView,
  signal: AbortSignal,
  onCompared: (keys: number) => void = () => undefined,
): AsyncGenerator<readonly Difference[]> {
  const wanted = wantedItems(route, copy, signal, onCompared);
  const actual = ownedItems(route, view, signal);
  return difference(wanted, actual);
}

async function* wantedItems(
  route: Route,
  copy: SourceCopy,
  signal: AbortSignal,
  onCompared: (keys: number) => void,
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

/** Counts without writing: the plan. */
export async function countDifferences(
  routes: readonly Route[],
  copy: SourceCopy,
  view: DestinationView,
  signal: AbortSignal,
): Promise<DifferenceCount> {
  const count = { compared: 0, missing: 0, different: 0, extra: 0 };
  const onCompared = (keys: number) => {
    count.compared += keys;
  };
  for (const route of routes) {
    for await (const differences of routeDifference(route, copy, view, signal, onCompared)) {
      for (const { kind } of differences) count[kind]++;
    }
  }
  return count;
}
