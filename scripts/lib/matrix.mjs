import { formatTotals } from './totals.mjs';

/**
 * Each etcd with the machine's own nats-server, each nats-server with the machine's own etcd, the newest with the newest;
 * no pair twice. `etcd` and `nats` are keyed by version, ascending; a machine's own version may stand anywhere.
 */
export function combinations(etcd, nats, defaults) {
  const [etcdVersions, natsVersions] = [[...etcd.keys()], [...nats.keys()]].map((versions) => versions.sort(byVersion));
  const pairs = [
    ...etcdVersions.map((version) => ({ etcd: version, nats: defaults.nats })),
    ...natsVersions.map((version) => ({ etcd: defaults.etcd, nats: version })),
    { etcd: etcdVersions.at(-1), nats: natsVersions.at(-1) },
  ];
  const once = new Map(pairs.map((pair) => [`${pair.etcd} ${pair.nats}`, pair]));
  return [...once.values()];
}

/** One line for each combination: versions, then the totals of each tier. */
export function formatTable(rows) {
  const tiers = rows[0]?.results.map(({ tier }) => tier) ?? [];
  const lines = [
    ['node', 'etcd', 'nats-server', ...tiers],
    ...rows.map(({ node, etcd, nats, results }) => [
      ...[node, etcd, nats],
      ...results.map(({ totals }) => formatTotals(totals)),
    ]),
  ];
  const widths = lines[0].map((_title, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function byVersion(left, right) {
  return left.localeCompare(right, 'en', { numeric: true });
}
