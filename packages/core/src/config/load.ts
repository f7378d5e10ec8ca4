import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import type * as z from 'zod';
import { ConfigError, type ConfigProblem } from './problems.js';
import { crossFieldViolations } from './rules.js';
import { configSchema, type EtcdHopConfig, type ParsedConfig } from './schema.js';

type Path = readonly PropertyKey[];

/** A configuration with every default filled in. */
export interface Config extends Omit<ParsedConfig, 'coordination' | 'node'> {
  readonly coordination: EtcdHopConfig & { readonly prefix: string; readonly leaseTtl: number };
  readonly node: ParsedConfig['node'] & { readonly id: string };
}

/** Reads and validates a file. @throws ConfigError with every problem there is, in file order */
export function loadConfig(file: string): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}): expected a YAML file, see deploy/examples`;
    throw new ConfigError(file, [{ line: 1, column: 1, key: '', reason }]);
  }
  return parseConfig(text, file);
}

/** Validates a file's text; `file` is only used in messages. @throws ConfigError */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(
      file,
      document.errors.map((error) => ({
        ...at(lines, error.pos[0]),
        key: '',
        reason: `is not valid YAML: ${error.message}`,
      })),
    );
  }
  const result = configSchema.safeParse(document.toJS() ?? {});
  const problems = result.success
    ? crossFieldViolations(result.data).map(({ path, reason }) => locate(document, lines, path, reason))
    : result.error.issues.flatMap((issue) => problemsOf(issue, document, lines));
  if (!result.success || problems.length > 0) {
    throw new ConfigError(
      file,
      problems.sort((a, b) => a.line - b.line || a.column - b.column),
    );
  }
  return withDefaults(result.data);
}

function withDefaults(parsed: ParsedConfig): Config {
  const { coordination, source } = parsed;
  const hop: EtcdHopConfig = coordination.endpoints ? { ...coordination, endpoints: coordination.endpoints } : source;
  return {
    ...parsed,
    coordination: {
      endpoints: hop.endpoints,
      tls: hop.tls,
      auth: hop.auth,
      prefix: coordination.prefix,
      leaseTtl: coordination.leaseTtl,
    },
    node: { ...parsed.node, id: parsed.node.id ?? hostname() },
  };
}

function problemsOf(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      locate(
        document,
        lines,
        [...issue.path, key],
        'is not a known key: remove it, or see `tidemark schema` for what is allowed',
      ),
    );
  }
  const missing = document.getIn(issue.path) === undefined;
  const reason = issue.code === 'invalid_union' ? unionReason(issue) : reasonOf(issue);
  return [locate(document, lines, issue.path, missing ? `is missing: ${reason}` : reason)];
}

function reasonOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `expected ${issue.expected}`;
  if (issue.code === 'invalid_value')
    return `expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
  return lowerFirst(issue.message.replace(/^Invalid input: /, ''));
}

/** A union's own message is "Invalid input"; what its members wanted is what helps. */
function unionReason(issue: Extract<z.core.$ZodIssue, { code: 'invalid_union' }>): string {
  if (issue.errors.length === 0)
    return issue.discriminator === 'kind' ? 'expected kind: etcd or kind: redis' : lowerFirst(issue.message);
  const reasons = issue.errors.flatMap((member) => member.map((inner) => reasonOf(inner)));
  return [...new Set(reasons)].join(', or ');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Finds the place in the file that a path names: the key itself, or the nearest parent that exists. */
function locate(document: Document, lines: LineCounter, path: Path, reason: string): ConfigProblem {
  let offset = isNode(document.contents) ? (document.contents.range?.[0] ?? 0) : 0;
  let node: unknown = document.contents;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === step);
      if (!pair) break;
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isNode(node) && 'items' in node && Array.isArray(node.items)) {
      node = node.items[Number(step)];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    } else break;
  }
  return { ...at(lines, offset), key: formatPath(path), reason };
}

function at(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function formatPath(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? String(step) : `.${String(step)}`))
    .join('');
}
