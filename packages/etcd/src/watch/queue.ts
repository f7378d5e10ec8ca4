import type { ClientDuplexStream } from '@grpc/grpc-js';
import { Bell } from '@tidemark/core';
import type { IWatchRequest } from 'etcd3';
import type { WatchResponse } from '../wire/responses.js';

type Stream = ClientDuplexStream<IWatchRequest, WatchResponse>;

/**
 * Reading from the server stops while more than this waits, bytes on the wire. gRPC's stream holds up to 16 messages
 * more; a fragment is as large as the server's --max-request-bytes (1.5 MiB) and 512 KiB.
 */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;

/**
 * A queue between gRPC's stream and its reader. The stream delivers each message in one synchronous call, and the reader
 * takes all that have arrived at once: an async iterator over the stream would cost a promise per message. The reader is
 * woken by setImmediate, after the event loop has delivered everything that it read from the socket: woken earlier, it
 * would find one message each time.
 */
export class ResponseQueue {
  private items: WatchResponse[] = [];
  private bytes = 0;
  private ended = false;
  private failure: unknown = null;
  private readonly bell = new Bell();
  /** Whether something arrived since this was last set to false. */
  heard = false;
  /** The reader is slower than the server, and the server has been stopped. */
  paused = false;

  constructor(private readonly stream: Stream) {
    stream.on('data', this.push);
    // These listeners stay: a cancelled stream reports its end as an error, later.
    stream.on('error', (error) => this.end(error));
    stream.on('end', () => this.end(null));
  }

  /** All that has arrived, or null when the stream has ended; waits for one or the other. @throws what ended the stream */
  async take(): Promise<readonly WatchResponse[] | null> {
    while (this.items.length === 0) {
      if (this.ended) {
        if (this.failure !== null) throw this.failure;
        return null;
      }
      await this.bell.wait();
    }
    const { items } = this;
    this.items = [];
    this.bytes = 0;
    if (this.paused) {
      this.paused = false;
      this.stream.resume();
    }
    return items;
  }

  /**
   * Ends the queue after what has arrived, and the stream now: the server must not keep responses for a stalled reader. The
   * first cause counts. Null is a quiet end.
   */
  end(failure: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.failure = failure;
    this.stream.cancel();
    this.bell.ring();
  }

  /** Ends it now: what waits is dropped. */
  close(): void {
    this.items = [];
    this.failure = null;
    this.ended = true;
    this.bell.ring();
  }

  private readonly push = (response: WatchResponse): void => {
    this.heard = true;
    if (this.ended) return;
    this.items.push(response);
    this.bytes += response.bytes;
    if (this.bytes > MAX_QUEUED_BYTES && !this.paused) {
      this.paused = true;
      this.stream.pause();
    }
    if (this.bell.awaited && this.items.length === 1) setImmediate(this.bell.ring);
  };
}
