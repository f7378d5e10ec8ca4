import { describe, expect, it } from 'vitest';
import { deriveSources } from '../../../scripts/lib/apt-sources.mjs';

describe('sources of another suite', () => {
  it('come from the stanzas of the main suite alone', () => {
    const content = `Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://mirror.example/off
Suites: bookworm
Components: main
`;
    expect(deriveSources('debian.sources', content, 'trixie')).toBe(`Types: deb
URIs: http://mirror.example/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`);
  });

  it('come from lines, with their options', () => {
    const content = `# deb http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/a.gpg] http://mirror.example/debian bookworm main contrib
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian bookworm-updates main
deb http://mirror.example/debian stable main
`;
    expect(
      deriveSources('sources.list', content, 'sid'),
    ).toBe(`deb [arch=amd64 signed-by=/a.gpg] http://mirror.example/debian sid main contrib
deb http://mirror.example/debian sid main
`);
  });

  it('are none where nothing is of Debian', () => {
    expect(deriveSources('other.list', 'deb http://packages.example stuff main\n', 'sid')).toBe('');
    expect(deriveSources('other.sources', 'Types: deb\nURIs: http://packages.example\nSuites: nodistro\n', 'sid')).toBe(
      '',
    );
  });
});
