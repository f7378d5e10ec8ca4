import { EventEmitter } from 'node:events';
import { UnavailableError } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LivenessProbe } from '../src/watch/liveness.js';
import { ResponseQueue } from '../src/watch/queue.js';
import { frame, run } from './frames.js';

const options = { probeAfterMs: 3_000, answerWithinMs: 10_000, maxPauseMs: 5_000 };

/** As much of a gRPC stream as the queue uses. */
class FakeStream extends EventEmitter {
  paused = false;
  cancelled = false;
  cancel(): void {
    this.cancelled = true;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
}

let stream: FakeStream;
let queue: ResponseQueue;
let probe: LivenessProbe;
let asked: number;

beforeEach(() => {
  vi.useFakeTimers();
  stream = new FakeStream();
  queue = new ResponseQueue(stream as unknown as ConstructorParameters<typeof ResponseQueue>[0]);
  asked = 0;
  probe = new LivenessProbe(queue, options, () => {
    asked++;
  });
});

afterEach(() => {
  probe.stop();
  vi.useRealTimers();
});

function arrive(bytes = 100): void {
  stream.emit('data', frame([run(10, 'a')], { bytes }));
}

describe('a watch stream that is silent', () => {
  it('is asked once for a sign of life, and left alone when it answers', async () => {
    for (let round = 1; round <= 10; round++) {
      await vi.advanceTimersByTimeAsync(9_000);
      expect(asked).toBe(round);
      arrive();
    }
    expect(await queue.take()).toHaveLength(10);
  });

  it('is ended when no answer comes, after what arrived before', async () => {
    arrive();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked).toBe(1);
    expect(await queue.take()).toHaveLength(1);
    await expect(queue.take()).rejects.toThrow(UnavailableError);
  });

  it('is not asked while events arrive', async () => {
    for (let second = 0; second < 60; second++) {
      arrive();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(asked).toBe(0);
  });
});

describe('a reader that is slower than the server', () => {
  it('stops the stream, and lets it run again when it has taken what waits', async () => {
    for (let count = 0; count < 10; count++) arrive(1024 * 1024);
    expect(stream.paused).toBe(true);
    expect(await queue.take()).toHaveLength(10);
    expect(stream.paused).toBe(false);
  });

  it('is not taken for a silent server, and loses the stream when it stops it for too long', async () => {
    for (let count = 0; count < 10; count++) arrive(1024 * 1024);
    await vi.advanceTimersByTimeAsync(4_500);
    expect(asked).toBe(0);
    expect(stream.cancelled).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(stream.cancelled).toBe(true);
    expect(await queue.take()).toHaveLength(10);
    await expect(queue.take()).rejects.toThrow(UnavailableError);
  });
});
