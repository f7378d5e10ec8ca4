import { type ClientRequest, request } from 'node:http';
import { afterPrefix, base64 } from './gateway-connection.js';

const ARRIVAL_LIMIT_MS = 30_000;

interface WatchLine {
  readonly result?: {
    readonly created?: boolean;
    readonly events?: readonly { readonly kv: { readonly value?: string } }[];
  };
}

/** Reports when a value appears below a prefix, by etcd's own watch over its JSON gateway: the same for every peer. */
export class Watcher {
  private readonly awaited = new Map<string, (at: number) => void>();
  private unfinished = '';

  private constructor(private readonly stream: ClientRequest) {}

  /** Resolves once etcd has confirmed the watch. */
  static async open(url: string, prefix: string): Promise<Watcher> {
    const stream = request(`${url}/v3/watch`, { method: 'POST', agent: false });
    const watcher = new Watcher(stream);
    const created = new Promise<void>((resolve, reject) => {
      stream.on('error', reject);
      stream.on('response', (response) => {
        response.setEncoding('utf8');
        response.on('error', reject);
        response.on('data', (text: string) => watcher.take(text, performance.now(), resolve));
      });
    });
    const range = { key: base64(prefix), range_end: base64(afterPrefix(prefix)) };
    stream.end(JSON.stringify({ create_request: range }));
    await created;
    return watcher;
  }

  /** The moment, by performance.now(), at which a key took this value. Ask before the value is put. */
  arrival(value: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.awaited.delete(base64(value));
        reject(new Error(`a put did not reach the destination within ${ARRIVAL_LIMIT_MS / 1_000} s`));
      }, ARRIVAL_LIMIT_MS);
      this.awaited.set(base64(value), (at) => {
        clearTimeout(late);
        resolve(at);
      });
    });
  }

  close(): void {
    this.stream.destroy();
  }

  private take(text: string, at: number, created: () => void): void {
    const lines = (this.unfinished + text).split('\n');
    this.unfinished = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') continue;
      const { result } = JSON.parse(line) as WatchLine;
      if (result?.created === true) created();
      for (const { kv } of result?.events ?? []) this.arrived(kv.value ?? '', at);
    }
  }

  private arrived(encoded: string, at: number): void {
    this.awaited.get(encoded)?.(at);
    this.awaited.delete(encoded);
  }
}
