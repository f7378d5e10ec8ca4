import { randomBytes, randomUUID } from 'node:crypto';
import type { Journal } from '@tidemark/core';
import type { JournalTestOptions, JournalUnderTest } from '@tidemark/testing';
import { never } from '@tidemark/testing';
import { connect, headers } from 'nats';
import { headerLines } from '../src/format/frame.js';
import { NatsJournal, type NatsJournalOptions } from '../src/index.js';
import { abandonedFrame } from './abandoned.js';

const DAY_MS = 86_400_000;
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;

/** One journal of its own on a real server, as many nodes as asked for, and raw access beside them. */
export class NatsUnderTest implements JournalUnderTest {
  readonly name = `t${randomBytes(6).toString('hex')}`;
  private readonly nodes: Journal[] = [];

  constructor(
    readonly url: string,
    private readonly options: JournalTestOptions = {},
  ) {}

  async node(options: Partial<NatsJournalOptions> = {}): Promise<NatsJournal> {
    const limits = { replicas: 1, maxAge: 7 * DAY_MS, maxBytes: this.options.maxBytes ?? DEFAULT_MAX_BYTES } as const;
    const node = `node-${this.nodes.length}`;
    const journal = new NatsJournal({ name: this.name, node, config: { servers: [this.url], ...limits }, ...options });
    this.nodes.push(journal);
    await journal.open(never);
    return journal;
  }

  async abandonPart(): Promise<void> {
    const nats = await connect({ servers: this.url });
    const { headers: lines, payload } = abandonedFrame();
    const messageHeaders = headers();
    for (const [name, value] of headerLines(lines)) messageHeaders.append(name, value);
    await nats.jetstream().publish(`tidemark.${this.name}.journal`, payload, { headers: messageHeaders });
    await nats.close();
  }

  /** Makes the stream as somebody else would, who lets messages be deleted. To be called before any node opens it. */
  async allowDeletes(): Promise<void> {
    const nats = await connect({ servers: this.url });
    await (await nats.jetstreamManager()).streams.add({
      name: `TIDEMARK_${this.name}`,
      subjects: [`tidemark.${this.name}.journal`],
      description: `Tidemark journal ${this.name}, id ${randomUUID()}`,
      allow_direct: false,
    });
    await nats.close();
  }

  /** Deletes single messages, as a damaged disk does. */
  async deleteMessages(...sequences: readonly number[]): Promise<void> {
    const nats = await connect({ servers: this.url });
    const { streams } = await nats.jetstreamManager();
    for (const sequence of sequences) await streams.deleteMessage(`TIDEMARK_${this.name}`, sequence);
    await nats.close();
  }

  /** Deletes the stream, as an operator might. */
  async deleteStream(): Promise<void> {
    const nats = await connect({ servers: this.url });
    await (await nats.jetstreamManager()).streams.delete(`TIDEMARK_${this.name}`);
    await nats.close();
  }

  /** How many readers the server knows of. */
  async consumers(): Promise<number> {
    const nats = await connect({ servers: this.url });
    const { streams } = await nats.jetstreamManager();
    const { state } = await streams.info(`TIDEMARK_${this.name}`);
    await nats.close();
    return state.consumer_count;
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((journal) => journal.close()));
  }
}
