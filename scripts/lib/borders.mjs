// The order of the house, in one place: which package may import which, and within a package which folder which. The
// lint configuration is made from it (`npm run format` writes it, `npm run check` compares it).

/** Folders of a package from top to bottom: each may import those after it, and none before it. */
const ROOMS = {
  core: ['coordination', 'telemetry', 'runtime', 'contracts', 'config', 'model'],
  api: [],
  etcd: ['coordination', 'store', 'watch', 'client', 'wire'],
  leader: [],
  journal: ['shared', 'nats', 'memory', 'snapshots', 'chain', 'format'],
  worker: ['owner', 'resync', 'compare', 'apply', 'brakes', 'write', 'control', 'routes', 'loops', 'placement'],
  destinations: ['etcd', 'redis', 'checkpoint'],
  cli: ['commands', 'daemon', 'admin', 'node', 'status', 'base'],
  testing: [],
};

/** Other packages that each may import; `why` is what who tries another one reads. */
const PACKAGES = {
  core: { may: [], why: 'core is the vocabulary: it knows no other package.' },
  api: { may: ['core'], why: 'api knows only core: it is the contract between server and clients.' },
  etcd: { may: ['core'], why: 'etcd knows only core.' },
  leader: {
    may: ['core'],
    why: 'leader knows contracts, which are in core; concrete classes are chosen in packages/cli.',
  },
  journal: { may: ['core'], why: 'journal knows only core.' },
  worker: {
    may: ['core'],
    why: 'worker knows contracts, which are in core; concrete classes are chosen in packages/cli.',
  },
  destinations: { may: ['core', 'etcd'], why: 'a destination knows core, and the etcd client.' },
  cli: {
    may: ['core', 'api', 'etcd', 'leader', 'journal', 'worker', 'destinations'],
    why: 'testing is never shipped.',
  },
  testing: { may: ['core', 'api'], why: 'testing judges from outside: it knows contracts only.' },
};

/** Client libraries, and the only folders that know them. */
const CLIENTS = [
  { pattern: 'nats', home: 'packages/journal/src' },
  { pattern: 'etcd3|@grpc/.*', home: 'packages/etcd/src' },
  { pattern: 'ioredis', home: 'packages/destinations/src/redis' },
];

const ALL = Object.keys(PACKAGES);
const DOOR = 'The public door of a package is its index.';
const WRITER =
  'Only packages/worker/src/write knows a destination that can be written to: write through TrackedWriter.';

/** The overrides of the lint configuration. Later ones replace earlier ones, so each is complete. */
export function borderOverrides() {
  return [
    ...ALL.map((name) => override([`packages/${name}/src/**`], packagePatterns(name, `packages/${name}/src`))),
    ...ALL.flatMap((name) => ROOMS[name].map((room, index) => roomOverride(name, room, ROOMS[name].slice(0, index)))),
    // Tests may use any package by its door; client libraries only where they live.
    ...ALL.map((name) =>
      override(
        [`packages/${name}/test/**`],
        [doors(name), ...clients([`packages/${name}/src`, `packages/${name}/src/redis`])],
      ),
    ),
    override(['test/**'], [doors(null), ...clients([])]),
  ];
}

function roomOverride(name, room, upper) {
  const folder = `packages/${name}/src/${room}`;
  const patterns = packagePatterns(name, folder);
  if (upper.length > 0) {
    const message = `${room} is below ${upper.join(', ')}: imports go down only (scripts/lib/borders.mjs).`;
    patterns.push({ regex: `^(\\.\\./)+(${upper.join('|')})/`, message });
  }
  patterns.push({ regex: '^(\\.\\./)+[a-z-]+\\.js$', message: `${room} is below the files of packages/${name}/src.` });
  const paths =
    name === 'worker' && room !== 'write'
      ? [{ name: '@tidemark/core', importNames: ['Destination', 'DestinationWriter'], message: WRITER }]
      : [];
  return override([`${folder}/**`], patterns, paths);
}

function packagePatterns(name, folder) {
  const { may, why } = PACKAGES[name];
  const others = ALL.filter((other) => other !== name && !may.includes(other));
  return [doors(name), { regex: `^@tidemark/(${others.join('|')})$`, message: why }, ...clients([folder])];
}

/** Nobody reaches past the index of another package, by name or by path. */
function doors(name) {
  const others = ALL.filter((other) => other !== name);
  return { regex: `^@tidemark/[^/]+/|(^|/)\\.\\./(.*/)?(${others.join('|')})/(src|dist)(/|$)`, message: DOOR };
}

/** Client libraries that are not at home in any of these folders. */
function clients(folders) {
  const strangers = CLIENTS.filter(({ home }) => !folders.some((folder) => `${folder}/`.startsWith(`${home}/`)));
  return strangers.map(({ pattern, home }) => ({
    regex: `^(${pattern})(/|$)`,
    message: `This client library is known only to ${home}.`,
  }));
}

function override(files, patterns, paths = []) {
  const options = paths.length === 0 ? { patterns } : { paths, patterns };
  return { files, rules: { 'no-restricted-imports': ['error', options] } };
}
