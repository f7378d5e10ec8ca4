import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { TIDEMARK, until } from '@tidemark/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployedText } from './support/files.js';

/** Two MiB: a pipe takes 64 KiB, and a socket in its place some hundred. */
const LINES = 4_000;
const line = (number: number) => JSON.stringify({ number, filler: 'x'.repeat(512) });
const SNAPSHOTS = Array.from({ length: LINES }, (_, number) => ({
  id: `${number}-${'x'.repeat(256)}`,
  position: { generation: 1, revision: number },
  ...{ keys: 1, bytes: 1, createdAt: 1, rewind: null },
}));

let directory: string;
let config: string;
let server: Server;
/** The answer to the request for records. */
let records: ServerResponse | null;
/** How many lines it has. */
let lines: number;
const started = new Set<ChildProcess>();

/** In place of a node: what a command prints is for these tests to say. */
beforeEach(async () => {
  records = null;
  lines = LINES;
  server = createServer((request, response) => {
    if (request.url?.startsWith('/v1/journal/records')) void answerRecords(response);
    else if (request.url === '/v1/snapshots') response.end(JSON.stringify(SNAPSHOTS));
    else response.writeHead(404).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  directory = mkdtempSync(join(tmpdir(), 'tidemark-output-'));
  config = join(directory, 'tidemark.yaml');
  const { port } = server.address() as AddressInfo;
  writeFileSync(config, deployedText('examples/tidemark.yaml').replace('127.0.0.1:8686', `127.0.0.1:${port}`));
});

afterEach(async () => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});

async function answerRecords(response: ServerResponse): Promise<void> {
  records = response;
  for (let number = 0; number < lines && !response.destroyed; number++) {
    const waits = !response.write(`${line(number)}\n`);
    if (waits) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  response.end();
}

/** A command whose stdout nobody reads yet. */
function command(...args: string[]) {
  const child = spawn(process.execPath, [TIDEMARK, '-c', config, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.add(child);
  let complaints = '';
  child.stderr.on('data', (piece: Buffer) => {
    complaints += piece.toString();
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, complaints }));
  return { child, ended };
}

async function firstOutput(child: ChildProcess & { stdout: Readable }): Promise<void> {
  await once(child.stdout, 'readable');
}

async function text(stream: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

describe('what a command prints', () => {
  it('arrives whole at a reader that starts when the command has nothing left to do', async () => {
    const { child, ended } = command('snapshot', 'list', '-o', 'json');
    await firstOutput(child);
    const printed = JSON.parse(await text(child.stdout)) as { id: string }[];
    expect(printed.map(({ id }) => id)).toEqual(SNAPSHOTS.map(({ id }) => id));
    expect(await ended).toEqual({ code: 0, complaints: '' });
  });

  it('arrives whole where it is a stream, which waits for its reader', async () => {
    const { child, ended } = command('journal', 'cat', '-o', 'json');
    await firstOutput(child);
    // Either the node has handed over everything, or nobody takes any more from it.
    const isOver = () => child.exitCode !== null || records?.writableFinished || records?.writableNeedDrain;
    await until(isOver, { describe: 'the command waits, or is done', timeoutMs: 30_000 });
    const printed = (await text(child.stdout)).trimEnd().split('\n');
    expect(printed).toHaveLength(LINES);
    expect(printed.at(-1)).toBe(line(LINES - 1));
    expect(await ended).toEqual({ code: 0, complaints: '' });
  });

  it('waits longer than the node may take to answer for a reader that is slow', async () => {
    // Much more than what sockets take: the end is still to come from the node when the reader begins.
    lines = 10 * LINES;
    const { child, ended } = command('--timeout', '5s', 'journal', 'cat', '-o', 'json');
    await firstOutput(child);
    const since = performance.now();
    await until(() => performance.now() - since > 5_500, { describe: 'more than the timeout' });
    let printed = 0;
    for await (const piece of child.stdout) printed += (piece as Buffer).filter((byte) => byte === 10).length;
    expect(await ended).toEqual({ code: 0, complaints: '' });
    expect(printed).toBe(lines);
  });

  it('has no reader any more: the command ends quietly, though its node goes on', async () => {
    lines = Number.POSITIVE_INFINITY;
    const { child, ended } = command('journal', 'cat', '-o', 'json');
    const [piece] = (await once(child.stdout, 'data')) as [Buffer];
    expect(piece.toString()).toContain(line(0));
    child.stdout.destroy();
    expect(await ended).toEqual({ code: 0, complaints: '' });
    await until(() => records?.destroyed, { describe: 'the node has nobody to answer any more' });
  });

  it('never had a reader: the command ends as it would have', async () => {
    const { child, ended } = command('snapshot', 'list', '-o', 'json');
    child.stdout.destroy();
    expect(await ended).toEqual({ code: 0, complaints: '' });
  });

  it('cannot be written: the command fails, and says why', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [TIDEMARK, 'schema'], { stdio: ['ignore', full, 'pipe'] });
    started.add(child);
    const complaints = text(child.stderr as Readable);
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    expect(await complaints).toMatch(/^Standard output cannot be written: .*ENOSPC.*\n.+\n$/);
  });
});

describe('what a command that fails says', () => {
  it('is there whole, with its exit code, where stdout is closed', async () => {
    const { child, ended } = command('journal', 'cat', '--from', 'x'.repeat(1_000));
    child.stdout.destroy();
    const { code, complaints } = await ended;
    expect(code).toBe(2);
    expect(complaints).toMatch(/^--from x{1000} is not a revision\.\n.+\n$/);
  });

  it('arrives whole at a reader that starts late', async () => {
    const wrong = Array.from({ length: LINES }, (_, number) => `unknown${number}${'x'.repeat(256)}: 1`).join('\n');
    writeFileSync(config, wrong);
    const child = spawn(process.execPath, [TIDEMARK, '-c', config, 'check-config']);
    started.add(child);
    const closed = once(child, 'close');
    await once(child.stderr, 'readable');
    const complaints = await text(child.stderr);
    expect(complaints).toContain('unknown0x');
    expect(complaints).toContain(`unknown${LINES - 1}x`);
    expect((await closed)[0]).toBe(78);
  });

  it('is lost without a word where stderr is closed', async () => {
    const { child, ended } = command('journal', 'cat', '--from', 'x');
    child.stderr.destroy();
    child.stdout.resume();
    expect((await ended).code).toBe(2);
  });
});
