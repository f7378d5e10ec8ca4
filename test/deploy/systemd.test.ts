import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onPath } from '../../scripts/lib/find-binary.mjs';
import { deployed, deployedText, replaceAllOf } from './support/files.js';
import { parseIni, valuesOf } from './support/ini.js';
import { runToEnd } from './support/programs.js';

const UNIT = deployedText('systemd/tidemark.service');
const unit = parseIni(UNIT);
const service = (key: string) => valuesOf(unit, 'Service', key);
const DAEMON = '/usr/lib/tidemark/dist/tidemark.mjs';
/** From 0 (locked in) to 10. What remains above 1 is the network and V8's compiler; systemd 252 counts 1.3. */
const HIGHEST_EXPOSURE = 1.5;

describe('tidemark.service', () => {
  it('runs the daemon and nothing before it: a bad configuration must end with the main process', () => {
    expect(service('ExecStart')).toEqual([
      expect.stringMatching(new RegExp(`^/usr/bin/node .*${DAEMON} run -c /etc/tidemark/tidemark.yaml$`)),
    ]);
    expect(service('ExecStartPre')).toEqual([]);
  });

  it('is notified by a child of the daemon, and not watched, because nothing feeds a watchdog', () => {
    expect(service('Type')).toEqual(['notify']);
    expect(service('NotifyAccess')).toEqual(['all']);
    expect(service('KillMode')).toEqual(['mixed']);
    expect(service('WatchdogSec')).toEqual([]);
  });

  it('restarts for ever, except for a bad configuration', () => {
    expect(service('Restart')).toEqual(['always']);
    expect(service('RestartPreventExitStatus')).toEqual(['78']);
    expect(valuesOf(unit, 'Unit', 'StartLimitIntervalSec')).toEqual(['0']);
    expect(service('RestartSec')).toEqual(['5s']);
  });

  it('checks the configuration before it asks the daemon to re-read it', () => {
    expect(service('ExecReload')).toEqual([
      `/usr/bin/node ${DAEMON} check-config -c /etc/tidemark/tidemark.yaml`,
      '/bin/kill -HUP $MAINPID',
    ]);
  });

  it('is no reason to stop when a peer is down', () => {
    for (const key of ['Requires', 'BindsTo', 'PartOf', 'Requisite']) expect(valuesOf(unit, 'Unit', key)).toEqual([]);
    expect(valuesOf(unit, 'Unit', 'After').join(' ')).toContain('network-online.target');
  });

  it('gives a hand-over more time than its slowest step', () => {
    const seconds = Number(/^(\d+)s$/.exec(service('TimeoutStopSec')[0] ?? '')?.[1]);
    // One transaction (10 s), the appends that are out (5 s), revoking the lease (5 s).
    expect(seconds).toBeGreaterThan(20);
  });

  it('lets V8 collect before the kernel kills', () => {
    const heap = Number(/--max-old-space-size=(\d+)/.exec(service('ExecStart')[0] ?? '')?.[1]);
    const megabytes = (key: string) => Number(/^(\d+)M$/.exec(service(key)[0] ?? '')?.[1]);
    expect(heap).toBeLessThan(megabytes('MemoryHigh'));
    expect(megabytes('MemoryHigh')).toBeLessThan(megabytes('MemoryMax'));
    expect(service('Environment').join(' ')).toContain('MALLOC_ARENA_MAX=2');
  });

  it('does not forbid what V8 needs, and forbids the rest', () => {
    expect(service('MemoryDenyWriteExecute')).toEqual(['no']);
    expect(service('CapabilityBoundingSet')).toEqual(['']);
    expect(service('SystemCallFilter')).toEqual(['@system-service @pkey', '~@privileged @resources']);
    expect(service('ProtectSystem')).toEqual(['strict']);
    expect(service('NoNewPrivileges')).toEqual(['yes']);
    expect(service('LimitCORE')).toEqual(['0']);
  });

  it('runs as the user that sysusers.d creates', () => {
    const [user] = service('User');
    expect(deployedText('systemd/tidemark.sysusers')).toMatch(new RegExp(`^u ${user} - `, 'm'));
    expect(user).toBe('tidemark');
  });
});

const analyze = onPath('systemd-analyze');

describe.runIf(analyze !== undefined)('systemd-analyze', () => {
  const command = analyze ?? '';
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-unit-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('finds nothing to say about the unit', async () => {
    // This machine's Node may be elsewhere, and verify looks whether the program exists.
    const copy = join(directory, 'tidemark.service');
    await writeFile(copy, replaceAllOf(UNIT, { '/usr/bin/node': process.execPath }));
    expect(runToEnd(command, ['verify', '--man=no', copy])).toEqual({ code: 0, output: '' });
  });

  it(`counts an exposure of at most ${HIGHEST_EXPOSURE}`, () => {
    const args = [
      'security',
      '--offline=true',
      '--no-pager',
      `--threshold=${HIGHEST_EXPOSURE * 10}`,
      deployed('systemd/tidemark.service'),
    ];
    const { code, output } = runToEnd(command, args);
    expect(output).toContain('Overall exposure level for tidemark.service');
    expect(code).toBe(0);
  });
});
