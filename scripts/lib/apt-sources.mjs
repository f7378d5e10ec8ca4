// Other suites of the distribution, from wherever this machine gets its own: the configured sources with another suite's
// name in them. Knows no mirror.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const DIRECTORY = '/etc/apt';

/** Debian's suites from the oldest that Tidemark runs on to the newest, as far as their servers are of interest. */
export const SUITES = ['bookworm', 'trixie', 'forky', 'sid'];

// A machine may follow a code name or what it stands for today.
const MAIN_SUITES = new Set([...SUITES, 'oldstable', 'stable', 'testing', 'unstable']);

/** The machine's sources as `{ name, content }`, for another suite; without those of other suites and of other makers. */
export function sourcesOf(suite, directory = DIRECTORY) {
  return configuredFiles(directory)
    .map((path) => ({ name: basename(path), content: deriveSources(path, readFileSync(path, 'utf8'), suite) }))
    .filter(({ content }) => content !== '');
}

/** '' when nothing in the file is of the distribution's main suites. */
export function deriveSources(path, content, suite) {
  return path.endsWith('.sources') ? deriveStanzas(content, suite) : deriveLines(content, suite);
}

/** deb822: paragraphs of `Field: value`. Updates and security fixes are suites of their own and drop out. */
function deriveStanzas(content, suite) {
  const stanzas = content
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n\s*\n/)
    .map((stanza) => stanza.trim())
    .filter((stanza) => stanza !== '' && !/^Enabled:\s*no\b/im.test(stanza));
  return stanzas
    .filter((stanza) => hasMainSuite(/^Suites:(.*)$/im.exec(stanza)?.[1]))
    .map((stanza) => stanza.replace(/^Suites:.*$/im, `Suites: ${suite}`).replace(/^Types:.*$/im, 'Types: deb'))
    .map((stanza) => `${stanza}\n`)
    .join('\n');
}

/** One line: `deb [options] uri suite component...`. */
function deriveLines(content, suite) {
  const lines = content.split('\n').map((line) => /^\s*deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line));
  return lines
    .filter((match) => match !== null && hasMainSuite(match[3]))
    .map(([, options = '', uri, , components]) => `deb ${options}${uri} ${suite} ${components}\n`)
    .join('');
}

function hasMainSuite(suites = '') {
  return suites
    .trim()
    .split(/\s+/)
    .some((suite) => MAIN_SUITES.has(suite));
}

function configuredFiles(directory) {
  const parts = join(directory, 'sources.list.d');
  return [
    ...list(directory)
      .filter((name) => name === 'sources.list')
      .map((name) => join(directory, name)),
    ...list(parts)
      .filter((name) => /\.(list|sources)$/.test(name))
      .map((name) => join(parts, name)),
  ];
}

function list(directory) {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}
