import { readdirSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload, type SourceMapping } from 'node:module';
import { dirname, join } from 'node:path';
import { TIDEMARK } from '@tidemark/testing';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds between a sample and the one before. */
  readonly timeDeltas: readonly number[];
}

/** The bundle, beside the command that starts it. */
const PROGRAM = 'tidemark.cjs';
const TOP = 40;
const TOP_PACKAGES = 12;

/** The functions with the most self time of every profile in a directory, by the sources' names. */
export function formatProfiles(directory: string): string {
  const map = new SourceMap(
    JSON.parse(readFileSync(join(dirname(TIDEMARK), `${PROGRAM}.map`), 'utf8')) as SourceMapPayload,
  );
  const files = readdirSync(directory).filter((file) => file.endsWith('.cpuprofile'));
  return files.map((file) => formatProfile(join(directory, file), map)).join('\n\n');
}

function formatProfile(file: string, map: SourceMap): string {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const selfMs = selfTimes(profile, map);
  selfMs.delete('(idle)');
  const total = [...selfMs.values()].reduce((sum, ms) => sum + ms, 0);
  const top = [...selfMs].sort(([, left], [, right]) => right - left).slice(0, TOP);
  const row = ([name, ms]: readonly [string, number]) =>
    `  ${ms.toFixed(0).padStart(6)} ms ${((100 * ms) / total).toFixed(1).padStart(5)}%  ${name}`;
  return [
    `Self time of ${file} (${total.toFixed(0)} ms that are not idle)`,
    ...byPackage(selfMs).map(row),
    '',
    ...top.map(row),
  ].join('\n');
}

/** The same time by the package, or the part of Node.js, that the function belongs to. */
function byPackage(selfMs: ReadonlyMap<string, number>): [string, number][] {
  const sums = new Map<string, number>();
  for (const [name, ms] of selfMs) {
    const where = name.split('  ')[1] ?? 'engine';
    const owner = /^(node:(internal\/)?[^/:]+|@[^/]+\/[^/]+|[^/]+)/.exec(where)?.[0] ?? where;
    sums.set(owner, (sums.get(owner) ?? 0) + ms);
  }
  return [...sums].sort(([, left], [, right]) => right - left).slice(0, TOP_PACKAGES);
}

function selfTimes({ nodes, samples, timeDeltas }: CpuProfile, map: SourceMap): Map<string, number> {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame, map)]));
  const selfMs = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? '(unknown)';
    // The delta of a sample is the time since the one before: what is spent in a function stands with the next sample.
    selfMs.set(name, (selfMs.get(name) ?? 0) + (timeDeltas[index + 1] ?? 0) / 1_000);
  }
  return selfMs;
}

function nameOf({ functionName, url, lineNumber, columnNumber }: ProfileNode['callFrame'], map: SourceMap): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  if (!url.endsWith(PROGRAM)) return `${name}  ${url}:${lineNumber + 1}`;
  // Typed as always there; what the bundler itself wrote has no source.
  const { originalSource: source, originalLine: line }: Partial<SourceMapping> = map.findEntry(
    lineNumber,
    columnNumber,
  );
  if (source === undefined || line === undefined) return `${name}  ${PROGRAM}:${lineNumber + 1}`;
  return `${name}  ${source.replace(/^(\.\.\/)+/, '').replace(/^.*node_modules\/(?=[^.])/, '')}:${line + 1}`;
}
