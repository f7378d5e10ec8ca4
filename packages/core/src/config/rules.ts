import { prefixRange, rangesOverlap } from '../model/key-range.js';
import { destinationPrefix } from '../model/region.js';
import { routeClashes } from './loop-rules.js';
import type { RuleViolation } from './problems.js';
import { redisViolations } from './redis-rules.js';
import type { ParsedConfig } from './schema.js';
import { formatDuration } from './units.js';

/** Checks the rules that span several keys: unique names, and routes that would write each other's keys, or their own. */
export function crossFieldViolations(config: ParsedConfig): RuleViolation[] {
  return [
    ...duplicateNames(config),
    ...overlappingRoutes(config),
    ...mixedSchemes(config),
    ...redisDestinations(config),
    ...delaysBeyondTheJournal(config),
    ...routeClashes(config),
  ];
}

function duplicateNames(config: ParsedConfig): RuleViolation[] {
  const seen = new Map<string, number>();
  const violations: RuleViolation[] = [];
  for (const [index, destination] of config.destinations.entries()) {
    const first = seen.get(destination.name);
    if (first === undefined) seen.set(destination.name, index);
    else
      violations.push({
        path: ['destinations', index, 'name'],
        reason: `"${destination.name}" is already the name of destinations[${first}]: each destination needs its own`,
      });
  }
  return violations;
}

function overlappingRoutes(config: ParsedConfig): RuleViolation[] {
  const violations: RuleViolation[] = [];
  for (const [d, destination] of config.destinations.entries()) {
    for (const [r, route] of destination.routes.entries()) {
      const range = prefixRange(Buffer.from(destinationPrefix(route)));
      const other = destination.routes
        .slice(0, r)
        .findIndex((earlier) => rangesOverlap(range, prefixRange(Buffer.from(destinationPrefix(earlier)))));
      if (other >= 0) {
        const key = route.rewrite === undefined ? 'prefix' : 'rewrite';
        violations.push({
          path: ['destinations', d, 'routes', r, key],
          reason: `writes to "${destinationPrefix(route)}", which overlaps routes[${other}] of the same destination: two sources for one key have no order`,
        });
      }
    }
  }
  return violations;
}

function mixedSchemes(config: ParsedConfig): RuleViolation[] {
  const violations: RuleViolation[] = [];
  const check = (path: readonly (string | number)[], endpoints: readonly string[]) => {
    const schemes = new Set(endpoints.map((endpoint) => new URL(endpoint).protocol));
    if (schemes.size > 1)
      violations.push({ path, reason: 'mixes http and https: expected one of them for all members' });
  };
  check(['source', 'endpoints'], config.source.endpoints);
  if (config.coordination.endpoints) check(['coordination', 'endpoints'], config.coordination.endpoints);
  for (const [d, destination] of config.destinations.entries()) {
    if (destination.kind === 'etcd') check(['destinations', d, 'endpoints'], destination.endpoints);
  }
  return violations;
}

function redisDestinations({ destinations }: ParsedConfig): RuleViolation[] {
  return destinations.flatMap((destination, index) => {
    if (destination.kind !== 'redis') return [];
    return redisViolations(destination).map(({ key, reason }) => ({ path: ['destinations', index, key], reason }));
  });
}

/** What waits in the journal until it is due is gone by then. */
function delaysBeyondTheJournal({ destinations, journal }: ParsedConfig): RuleViolation[] {
  return destinations.flatMap(({ delay }, index) => {
    if (delay < journal.maxAge) return [];
    const reason = `is not below journal.maxAge, which is ${formatDuration(journal.maxAge)}: changes would be removed from the journal before they are due`;
    return [{ path: ['destinations', index, 'delay'], reason }];
  });
}
