import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
  AccessDeniedError,
  DestinationFullError,
  silentLogger,
  TidemarkError,
  UnavailableError,
  WrongTypeError,
} from '@tidemark/core';
import {
  checkpointAt,
  FaultProxy,
  localServers,
  never,
  RedisMonitor,
  type RedisServer,
  type Servers,
  until,
} from '@tidemark/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CHECKPOINT, move, PREFIX, put, redisClients, remove } from './support/redis-client.js';

let servers: Servers;
let redis: RedisServer;
let directory: string;

beforeAll(async () => {
  servers = localServers();
  redis = await servers.redis();
  directory = await mkdtemp(join(tmpdir(), 'tidemark-redis-'));
});

afterAll(async () => {
  await servers?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const open = redisClients();

beforeEach(async () => {
  await redis.redisCli(['REPLICAOF', 'NO', 'ONE']);
  await redis.redisCli([
    'CONFIG',
    'SET',
    'maxmemory',
    '0',
    'maxmemory-policy',
    'noeviction',
    'min-replicas-to-write',
    '0',
  ]);
  await redis.redisCli(['FLUSHALL']);
});

/** Nothing was written: only what was there before. */
async function keysNow(): Promise<string[]> {
  return (await redis.redisCli(['KEYS', '*'])).split('\n').filter(Boolean).toSorted();
}

describe("somebody else's data", () => {
  it.each([
    ['put', [put('a', '1'), put('theirs', '2')]],
    ['deleted', [put('a', '1'), remove('theirs')]],
  ])('of another type is not %s, and nothing else is written', async (_, writes) => {
    const destination = open(redis);
    await destination.apply(move(null, 1), never);
    await redis.redisCli(['RPUSH', `${PREFIX}theirs`, 'x', 'y']);
    const attempt = destination.apply(move(1, 2, writes), never);
    await expect(attempt).rejects.toThrow(WrongTypeError);
    await expect(attempt).rejects.toThrow(/"conf:theirs" holds a list/);
    await expect(attempt).rejects.toMatchObject({ code: 'WRONG_TYPE', permanent: true, key: Buffer.from('theirs') });
    expect(await keysNow()).toEqual([CHECKPOINT, `${PREFIX}theirs`]);
    expect(await destination.checkpoint(never)).toEqual(checkpointAt(1));
    await redis.redisCli(['DEL', `${PREFIX}theirs`]);
    expect(await destination.apply(move(1, 2, writes), never)).toEqual({ outcome: 'applied' });
  });

  it('of another type is in no view, no count and no reading', async () => {
    const destination = open(redis);
    await redis.redisCli(['HSET', `${PREFIX}theirs`, 'field', 'x']);
    const everything = { start: Buffer.from([0]), end: null };
    expect(await destination.count(everything, never)).toBe(0);
    expect((await destination.read([Buffer.from('theirs')], never)).values).toEqual([null]);
  });

  it('where the checkpoint belongs stays, whatever its type', async () => {
    const destination = open(redis);
    await redis.redisCli(['RPUSH', CHECKPOINT, 'x']);
    await expect(destination.checkpoint(never)).rejects.toThrow(WrongTypeError);
    const attempt = destination.apply(move(null, 1, [put('a', '1')]), never);
    await expect(attempt).rejects.toThrow(WrongTypeError);
    // No key of ours could be left out instead.
    await expect(attempt).rejects.toMatchObject({ key: null });
    await redis.redisCli(['DEL', CHECKPOINT]);
    await redis.redisCli(['SET', CHECKPOINT, '']);
    await expect(destination.apply(move(null, 1), never)).rejects.toMatchObject({ code: 'CHECKPOINT_UNREADABLE' });
    expect(await keysNow()).toEqual([CHECKPOINT]);
  });
});

describe('a full server', () => {
  it('gets nothing of a transaction with puts, all of what takes no memory, and goes on when there is some', async () => {
    const destination = open(redis);
    await destination.apply(move(null, 1, [put('a', '1'), put('b', '2')]), never);
    await redis.redisCli(['CONFIG', 'SET', 'maxmemory', '100kb']);
    const before = await keysNow();
    const both = move(1, 2, [remove('a'), put('c', '3')]);
    await expect(destination.apply(both, never)).rejects.toThrow(DestinationFullError);
    expect(await keysNow()).toEqual(before);
    expect(await destination.apply(move(1, 2, [remove('a')]), never)).toEqual({ outcome: 'applied' });
    // A checkpoint over another one: what is in doubt can be fenced off here, too. The first one does take memory.
    const closed = { ...checkpointAt(2), fence: { offJournal: 0, fencedOff: 1 } };
    const closing = { writes: [], expected: checkpointAt(2), next: closed };
    expect(await destination.apply(closing, never)).toEqual({ outcome: 'applied' });
    expect(await destination.apply({ ...closing, expected: closed, next: checkpointAt(2) }, never)).toEqual({
      outcome: 'applied',
    });
    await redis.redisCli(['DEL', CHECKPOINT]);
    await expect(destination.apply(move(null, 2), never)).rejects.toThrow(DestinationFullError);
    await redis.redisCli(['CONFIG', 'SET', 'maxmemory', '0']);
    expect(await destination.apply(move(null, 3, [put('c', '3')]), never)).toEqual({ outcome: 'applied' });
  });

  it('that evicts whatever it likes is reported, once', async () => {
    await redis.redisCli(['CONFIG', 'SET', 'maxmemory', '1gb']);
    await redis.redisCli(['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru']);
    const warnings: unknown[] = [];
    const logger = { ...silentLogger, warn: (what: unknown) => void warnings.push(what), child: () => logger };
    const destination = open(redis, logger);
    await destination.checkpoint(never);
    expect(destination.deviations).toEqual([expect.stringContaining('maxmemory-policy is allkeys-lru')]);
    await redis.redisCli(['CLIENT', 'KILL', 'TYPE', 'normal']);
    const answers = async () => (await destination.checkpoint(never)) === null;
    await until(answers, { describe: 'another connection' });
    expect(warnings).toHaveLength(1);
  });
});

describe('a server that cannot write now', () => {
  it('is unavailable while it is a replica, and not read from', async () => {
    const destination = open(redis);
    await destination.apply(move(null, 1, [put('a', '1')]), never);
    await redis.redisCli(['REPLICAOF', '127.0.0.1', '1']);
    await expect(destination.apply(move(1, 2, [put('a', '2')]), never)).rejects.toThrow(UnavailableError);
    await expect(destination.checkpoint(never)).rejects.toThrow(/it is a replica/);
    await redis.redisCli(['REPLICAOF', 'NO', 'ONE']);
    expect(await destination.apply(move(1, 2, [put('a', '2')]), never)).toEqual({ outcome: 'applied' });
  });

  it('is unavailable while too few replicas are there', async () => {
    const destination = open(redis);
    await redis.redisCli(['CONFIG', 'SET', 'min-replicas-to-write', '1']);
    await expect(destination.apply(move(null, 1, [put('a', '1')]), never)).rejects.toThrow(/NOREPLICAS/);
    await redis.redisCli(['CONFIG', 'SET', 'min-replicas-to-write', '0']);
    expect(await destination.apply(move(null, 1, [put('a', '1')]), never)).toEqual({ outcome: 'applied' });
  });

  it('is unavailable while it cannot save to its disk', async () => {
    const disk = join(directory, 'disk');
    await mkdir(disk);
    const fragile = await servers.redis({ flags: ['--appendonly', 'no', '--save', '3600 1', '--dir', disk] });
    await rm(disk, { recursive: true });
    const destination = open(fragile);
    await fragile.redisCli(['BGSAVE']);
    const failed = async () => (await fragile.redisCli(['INFO', 'persistence'])).includes('bgsave_status:err');
    await until(failed, { describe: 'a failed save' });
    const attempt = destination.apply(move(null, 1, [put('a', '1')]), never);
    await expect(attempt).rejects.toThrow(UnavailableError);
    await expect(attempt).rejects.toThrow(/MISCONF/);
    expect(await destination.checkpoint(never)).toBeNull();
  });

  it("is unavailable while somebody's script runs, which is left alone", async () => {
    const destination = open(redis);
    await destination.apply(move(null, 1), never);
    await redis.redisCli(['CONFIG', 'SET', 'lua-time-limit', '50']);
    const theirs = redis.redisCli(['EVAL', 'while true do end', '0']).catch((error: unknown) => error);
    const busy = async () => String(await redis.redisCli(['PING']).catch((error: unknown) => error)).includes('BUSY');
    await until(busy, { describe: 'a busy server' });
    await expect(destination.apply(move(1, 2), never)).rejects.toThrow(UnavailableError);
    await expect(destination.checkpoint(never)).rejects.toThrow(/BUSY/);
    await redis.redisCli(['SCRIPT', 'KILL']);
    expect(String(await theirs)).toContain('killed by user');
    expect(await destination.apply(move(1, 2), never)).toEqual({ outcome: 'applied' });
  });

  it.each(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'ASK', 'ERR'])(
    'is unavailable when it says %s',
    async (code) => {
      await using stub = await replyingWith(`-${code} for now\r\n`);
      await expect(open(stub).checkpoint(never)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    },
  );
});

describe('rights', () => {
  const user = (...rules: string[]) =>
    redis.redisCli(['ACL', 'SETUSER', 'tidemark', 'reset', 'on', '>right', ...rules]);
  const passwordFile = async (password: string) => {
    const file = join(directory, 'password');
    await writeFile(file, `${password}\n`);
    return { username: 'tidemark', passwordFile: file };
  };
  const documented = [
    `~${PREFIX}*`,
    ...'+info +select +client|setname +get +mget +set +del +type +scan +exists +eval +evalsha'.split(' '),
  ];

  it('are enough as documented', async () => {
    await user(...documented);
    const destination = open({ url: redis.url, auth: await passwordFile('right') });
    expect(await destination.apply(move(null, 1, [put('a', '1')]), never)).toEqual({ outcome: 'applied' });
    expect(await destination.apply(move(1, 2, [put('b', '1'), remove('a')]), never)).toEqual({
      outcome: 'applied',
    });
    expect(await destination.count({ start: Buffer.from('a'), end: null }, never)).toBe(1);
    expect((await destination.read([Buffer.from('b')], never)).values).toHaveLength(1);
  });

  it.each([
    ['a wrong password', documented, 'wrong'],
    ['no rights to delete', documented.filter((rule) => rule !== '+del'), 'right'],
    ['no rights on the keys', ['~other:*', ...documented.slice(1)], 'right'],
  ])('that fall short by %s are refused before anything is written', async (_, rules, password) => {
    await user(...rules);
    const destination = open({ url: redis.url, auth: await passwordFile(password) });
    const attempt = destination.apply(move(null, 1, [put('a', 'secret value'), remove('b')]), never);
    const error = await attempt.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AccessDeniedError);
    expect(inspect(error, { depth: 9 })).not.toMatch(/secret value|wrong|right/);
    expect(await keysNow()).toEqual([]);
  });

  it('count without a restart when the password file was replaced', async () => {
    await user(...documented);
    const destination = open({ url: redis.url, auth: await passwordFile('wrong') });
    await expect(destination.checkpoint(never)).rejects.toThrow(AccessDeniedError);
    await passwordFile('right');
    expect(await destination.checkpoint(never)).toBeNull();
  });
});

describe('a connection', () => {
  it('that loses the answer is replaced, and the effect comes once', async () => {
    await using proxy = await FaultProxy.start(redis.address);
    using monitor = await RedisMonitor.start(redis);
    const destination = open({ url: `redis://${proxy.address}` });
    await destination.apply(move(null, 1), never);
    proxy.dropReply(1);
    expect(await destination.apply(move(1, 2, [put('once', '1')]), never)).toEqual({ outcome: 'already' });
    expect(proxy.counters.droppedReplies).toBe(1);
    await redis.redisCli(['SET', 'end', 'x']);
    await until(() => monitor.sets('end').size > 0, { describe: 'all that was written before' });
    expect(monitor.sets(`${PREFIX}once`)).toEqual(new Map([[`${PREFIX}once`, 1]]));
  });

  it('survives SCRIPT FLUSH, and is named for CLIENT LIST', async () => {
    const destination = open(redis);
    await destination.apply(move(null, 1), never);
    await redis.redisCli(['SCRIPT', 'FLUSH']);
    expect(await destination.apply(move(1, 2, [put('a', '1')]), never)).toEqual({ outcome: 'applied' });
    expect(await redis.redisCli(['CLIENT', 'LIST'])).toContain('name=tidemark:test/cache');
  });

  it('to a frozen server is given up with the caller, and closes', async () => {
    const destination = open(redis);
    await destination.checkpoint(never);
    await redis.pause();
    const caller = new AbortController();
    const attempt = destination.apply(move(null, 1), caller.signal);
    caller.abort();
    await expect(attempt).rejects.toThrow(TidemarkError);
    await destination.close();
    await redis.resume();
  });

  it('that nobody accepts is unavailable', async () => {
    await expect(open({ url: 'redis://127.0.0.1:1' }).checkpoint(never)).rejects.toThrow(/ECONNREFUSED/);
  });
});

/** A server that answers every request with the same line. */
async function replyingWith(line: string): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on('data', () => socket.write(line));
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const dispose = async () => void server.close();
  return { url: `redis://127.0.0.1:${port}`, [Symbol.asyncDispose]: dispose };
}
