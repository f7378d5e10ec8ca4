import { createHash } from 'node:crypto';
import {
  destinationPrefix,
  type Entry,
  type KeyRange,
  type RouteConfig,
  rangeContains,
  type Write,
} from '@tidemark/core';
import { Route } from './route.js';

/** All routes of a destination: which keys it has, and what they are called there. */
export class Filter {
  readonly routes: readonly Route[];
  /** Equal for equal routes, in whatever order. The checkpoint has it, so that a change is noticed however it came. */
  readonly fingerprint: string;

  constructor(
    readonly configs: readonly RouteConfig[],
    /** Ranges at the destination that are never touched: where checkpoints live. */
    private readonly reserved: readonly KeyRange[],
  ) {
    this.routes = configs.map((config) => new Route(config, reserved));
    this.fingerprint = fingerprint(configs);
  }

  /** Other routes of the same destination. */
  with(configs: readonly RouteConfig[]): Filter {
    return new Filter(configs, this.reserved);
  }

  /** Whether a key at the destination belongs to one of the routes. */
  owns(destinationKey: Buffer): boolean {
    return this.routes.some((route) => route.owns(destinationKey));
  }

  /** Ranges at the destination whose keys together are all that `owns` accepts: each without some of its parts. */
  get countedRanges(): readonly { readonly plus: KeyRange; readonly minus: readonly KeyRange[] }[] {
    return this.routes.map((route) => ({ plus: route.destinationRange, minus: disjoint(route.foreignRanges) }));
  }

  /** The writes that an entry of the source means at the destination, in order. */
  mapEntry({ changes }: Pick<Entry, 'changes'>): Write[] {
    const writes: Write[] = [];
    for (const change of changes) {
      for (const route of this.routes) {
        const write = route.mapChange(change);
        if (write !== null) writes.push(write);
      }
    }
    return writes;
  }
}

/** Prefix ranges either contain one another or have nothing in common: what lies in another one is left out. */
function disjoint(ranges: readonly KeyRange[]): readonly KeyRange[] {
  return ranges.filter(
    (range, index) =>
      !ranges.some(
        (other, place) =>
          place !== index && rangeContains(other, range.start) && !(sameStart(other, range) && place > index),
      ),
  );
}

function sameStart(a: KeyRange, b: KeyRange): boolean {
  return a.start.equals(b.start);
}

function fingerprint(routes: readonly RouteConfig[]): string {
  const canonical = routes.map(({ prefix, exclude, leased, ...route }) =>
    JSON.stringify([prefix, destinationPrefix({ prefix, ...route }), exclude.toSorted(), leased]),
  );
  return createHash('sha256').update(JSON.stringify(canonical.toSorted())).digest('hex').slice(0, 12);
}
