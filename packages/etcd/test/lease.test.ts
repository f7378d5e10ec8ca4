import { EventEmitter } from 'node:events';
import { type Clock, LeadershipLostError, silentLogger, UnavailableError } from '@tidemark/core';
import { never, shortWaits, until } from '@tidemark/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EtcdClient } from '../src/client/client.js';
import { TXN } from '../src/client/methods.js';
import { Candidacy } from '../src/coordination/candidacy.js';
import { HeldLeadership } from '../src/coordination/held-leadership.js';
import { keyGone } from '../src/coordination/key.js';
import { Lease } from '../src/coordination/lease.js';

beforeAll(shortWaits);

/** What etcd grants, seconds; a tenth of it is given up. */
const TTL = 10;
const RELIED_ON_MS = 9_000;

class HandClock implements Clock {
  now = 0;
  monotonic(): number {
    return this.now;
  }
  wall(): number {
    return this.now;
  }
}

let clock: HandClock;
/** How long the next answers take, by the clock. */
let answersAfterMs: number;
let renewals: number;
let stop: AbortController;

/** A coordination etcd that grants, and renews. */
function client(): EtcdClient {
  const answer = () => {
    clock.now += answersAfterMs;
  };
  const open = async () => {
    const stream = Object.assign(new EventEmitter(), { write, cancel: () => undefined });
    function write() {
      answer();
      renewals++;
      stream.emit('data', { TTL: String(TTL) });
    }
    return { stream, member: { cast: (error: unknown) => error } };
  };
  const call = async () => {
    answer();
    return { ID: '7', TTL: String(TTL) };
  };
  return { open, call, avoid: () => undefined } as unknown as EtcdClient;
}

function grant(): Promise<Lease> {
  return Lease.grant(TTL * 1_000, { client: client(), clock, logger: silentLogger }, never);
}

beforeEach(() => {
  clock = new HandClock();
  answersAfterMs = 0;
  renewals = 0;
  stop = new AbortController();
});

afterEach(() => stop.abort());

async function renewed(lease: Lease): Promise<void> {
  void lease.keepAlive(stop.signal);
  await until(() => renewals > 0, { everyMs: 1, describe: 'a renewal' });
  stop.abort();
}

function expectAliveUntil(lease: Lease, deadline: number): void {
  clock.now = deadline - 1;
  expect(() => lease.assertAlive()).not.toThrow();
  clock.now = deadline;
  expect(() => lease.assertAlive()).toThrow(LeadershipLostError);
  expect(lease.signal.aborted).toBe(true);
}

describe('a lease is relied on', () => {
  it('from when it was asked for, however late the answer came', async () => {
    answersAfterMs = 2_000;
    expectAliveUntil(await grant(), RELIED_ON_MS);
  });

  it('from when the last answered renewal was sent, however late the answer came', async () => {
    const lease = await grant();
    clock.now = 3_000;
    answersAfterMs = 2_000;
    await renewed(lease);
    expectAliveUntil(lease, 3_000 + RELIED_ON_MS);
  });

  it('no more when an answer comes after the deadline: somebody else may have led in between', async () => {
    const lease = await grant();
    clock.now = 8_000;
    answersAfterMs = 2_000;
    await renewed(lease);
    expect(lease.signal.aborted).toBe(true);
    expect(() => lease.assertAlive()).toThrow(LeadershipLostError);
  });
});

describe('leadership that is proved', () => {
  it('is lost when its lease ran out before the answer came', async () => {
    const late = async () => {
      clock.now = RELIED_ON_MS;
    };
    const leadership = new HeldLeadership({ createRevision: 5, prove: late }, await grant(), never);
    await expect(leadership.prove()).rejects.toThrow(LeadershipLostError);
  });

  it('is lost for good when its key is gone, and not when nobody answered', async () => {
    const answers = [
      new UnavailableError({ message: 'No answer.', remedy: 'None needed: a test asked for this.' }),
      new LeadershipLostError({ message: 'The key is gone.', remedy: 'None needed: a test asked for this.' }),
    ];
    const prove = async () => {
      const error = answers.shift();
      if (error !== undefined) throw error;
    };
    const leadership = new HeldLeadership({ createRevision: 5, prove }, await grant(), never);
    await expect(leadership.prove()).rejects.toThrow(UnavailableError);
    expect(leadership.signal.aborted).toBe(false);
    leadership.assertHeld();
    await expect(leadership.prove()).rejects.toThrow(LeadershipLostError);
    expect(leadership.signal.aborted).toBe(true);
    await expect(leadership.prove()).rejects.toThrow(LeadershipLostError);
  });
});

describe('an answer of etcd about a key', () => {
  const unavailable = () => {
    throw new UnavailableError({ message: 'No answer.', remedy: 'None needed: a test asked for this.' });
  };

  it('does not report that it is gone when it is older than the key', async () => {
    let header = { revision: 4 };
    let reads = 0;
    const reading = {
      call: async (method: unknown) => {
        if (method === TXN) unavailable();
        reads++;
        return { kvs: [], header };
      },
      open: async () => unavailable(),
    } as unknown as EtcdClient;
    let gone = false;
    const target = { key: Buffer.from('k'), createRevision: 5, pollMs: 100 };
    const reported = keyGone(reading, target, stop.signal).then(() => {
      gone = true;
    });
    await until(() => reads > 3, { everyMs: 1, describe: 'reads' });
    expect(gone).toBe(false);
    header = { revision: 5 };
    await reported;
    expect(stop.signal.aborted).toBe(false);
  });

  it('reports that it is gone, however old, when it was asked for by a transaction: the store was set back', async () => {
    const kept = { createRevision: 5 };
    const header = { revision: 4 };
    let asked = 0;
    const reading = (kvs: () => readonly object[]) =>
      ({
        call: async (method: unknown) => {
          if (method !== TXN) return { kvs: [], header };
          asked++;
          return { succeeded: true, header, ranges: [{ kvs: kvs() }] };
        },
        open: async () => unavailable(),
      }) as unknown as EtcdClient;
    const target = { key: Buffer.from('k'), createRevision: 5, pollMs: 100 };
    await keyGone(
      reading(() => []),
      target,
      stop.signal,
    );
    expect(asked).toBe(1);
    // A plain read that is stale in truth: the transaction finds the key.
    await keyGone(
      reading(() => (asked < 3 ? [kept] : [])),
      target,
      stop.signal,
    );
    expect(asked).toBe(3);
    expect(stop.signal.aborted).toBe(false);
  });

  it('ends a candidacy whose key was taken away before it was known', async () => {
    const lease = await grant();
    const answering = { call: async () => ({ succeeded: false, header: { revision: 9 }, ranges: [{ kvs: [] }] }) };
    const options = { client: answering as unknown as EtcdClient, lease, prefix: Buffer.from('/p/'), candidate: 'a' };
    const candidacy = new Candidacy(options);
    await expect(candidacy.register(never)).rejects.toThrow(LeadershipLostError);
    await expect(candidacy.predecessor(never)).rejects.toThrow(LeadershipLostError);
    await expect(candidacy.prove(never)).rejects.toThrow(LeadershipLostError);
  });
});
