/** Settings of a systemd unit, in order: a key may stand several times. */
export type IniFile = ReadonlyMap<string, readonly (readonly [key: string, value: string])[]>;

/** Reads the subset of systemd's syntax that our files keep to: no continued lines, no quoting across lines. */
export function parseIni(text: string): IniFile {
  const sections = new Map<string, [string, string][]>();
  let current: [string, string][] | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const header = /^\[(\w+)\]$/.exec(line)?.[1];
    const setting = /^(\w+)=(.*)$/.exec(line);
    if (header !== undefined) {
      if (sections.has(header)) throw new Error(`line ${index + 1}: section ${header} stands twice`);
      current = [];
      sections.set(header, current);
    } else if (setting?.[1] !== undefined && current !== undefined && !line.endsWith('\\')) {
      current.push([setting[1], setting[2] ?? '']);
    } else {
      throw new Error(`line ${index + 1} is neither a section nor a setting: ${line}`);
    }
  }
  return sections;
}

/** All values of a key, in order. */
export function valuesOf(file: IniFile, section: string, key: string): readonly string[] {
  return (file.get(section) ?? []).filter(([name]) => name === key).map(([, value]) => value);
}
