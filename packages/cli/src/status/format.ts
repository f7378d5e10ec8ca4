/** Columns padded to their widest cell, for people. The first row is the heading. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `1.5 GiB`, for people. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `3s`, `2m05s`, `4h10m`, `3d02h`, for people. */
export function formatAge(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)}s`;
  const parts: readonly [number, string, number, string][] = [
    [3600, 'm', 60, 's'],
    [86_400, 'h', 3600, 'm'],
    [Number.POSITIVE_INFINITY, 'd', 86_400, 'h'],
  ];
  const [, large, size, small] = parts.find(([limit]) => seconds < limit) ?? [0, 'd', 86_400, 'h'];
  const unit = large === 'm' ? 60 : size;
  const rest = Math.floor((seconds % unit) / (large === 'm' ? 1 : large === 'h' ? 60 : 3600));
  return `${Math.floor(seconds / unit)}${large}${String(rest).padStart(2, '0')}${small}`;
}

/** How long ago it was, by this node's clock; 0 when another node's clock is ahead. @param time RFC 3339 */
export function secondsSince(time: string): number {
  return Math.max(0, (Date.now() - Date.parse(time)) / 1000);
}
