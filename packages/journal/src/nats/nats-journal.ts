import {
  type Clock,
  type Journal,
  type JournalConfig,
  type JournalHead,
  type JournalInfo,
  type JournalWriter,
  type Logger,
  type ReadFrom,
  SharedBudget,
  type SnapshotStore,
  type StoredRecord,
  silentLogger,
  systemClock,
  UnavailableError,
  unlessAborted,
} from '@tidemark/core';
import { assertNotOlder, readEnds, readHead } from '../chain/ends.js';
import { BucketSnapshotStore } from '../snapshots/store.js';
import { Link, REQUEST_TIMEOUT_MS } from './link.js';
import { ObjectBucket } from './object-bucket.js';
import { readJournal } from './reader.js';
import { JournalStream } from './stream.js';
import { NatsWriter } from './writer.js';

export interface NatsJournalOptions {
  /** Name of the pipeline. */
  readonly name: string;
  readonly config: Pick<JournalConfig, 'servers' | 'tls' | 'credentialsFile' | 'replicas' | 'maxAge' | 'maxBytes'>;
  /** Name of this node, shown by the NATS servers. */
  readonly node: string;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** For one request or append, in milliseconds. */
  readonly timeoutMs?: number;
  /** How long the servers may be away before a reader fails, in milliseconds. */
  readonly readerPatienceMs?: number;
}

const READER_PATIENCE_MS = 10_000;
/** Bytes that all readers of a node may hold together: a node that applies to many destinations has a reader for each. */
const READERS_BYTES = 8 * 1024 * 1024;

/** Three connections, so that no one's bytes delay the others'. */
interface Links {
  readonly writing: Link;
  readonly reading: Link;
  readonly storing: Link;
}

/** What the last `open` found. */
interface Session extends Links {
  readonly id: string;
  /** The stream, asked over the connection for reading. */
  readonly stream: JournalStream;
  readonly snapshots: SnapshotStore;
}

/** The journal in NATS JetStream: the stream `TIDEMARK_<name>` and the object store bucket of the same name. */
export class NatsJournal implements Journal {
  readonly snapshots: SnapshotStore;
  private session: Session | null = null;
  /** Kept over every `open`, also over several at once: connections reconnect by themselves. */
  private links: Promise<Links> | null = null;
  private readonly room = new SharedBudget(READERS_BYTES);
  private readonly log: Logger;

  constructor(private readonly options: NatsJournalOptions) {
    this.log = (options.log ?? silentLogger).child({ part: 'journal' });
    this.snapshots = {
      put: (about, pages, signal) => this.opened().snapshots.put(about, pages, signal),
      open: (id, range, signal) => this.opened().snapshots.open(id, range, signal),
      list: (signal) => this.opened().snapshots.list(signal),
      remove: (id, signal) => this.opened().snapshots.remove(id, signal),
    };
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { name, config } = this.options;
    this.links ??= this.connect();
    const links = await this.links;
    const stream = new JournalStream(links.reading, name, config);
    const bucket = new ObjectBucket({ link: links.storing, pipeline: name, replicas: config.replicas });
    const [{ id, deviations }] = await Promise.all([stream.ensure(), bucket.ensure()]);
    for (const deviation of deviations) this.log.warn({ deviation }, 'the journal stream is not as configured');
    this.session = { ...links, id, stream, snapshots: new BucketSnapshotStore(bucket) };
  }

  async info(signal: AbortSignal): Promise<JournalInfo> {
    const { stream } = this.opened();
    return unlessAborted(signal, async () => {
      const state = await stream.read();
      const { id, bytes, deviations, firstSequence, lastSequence } = state;
      return { id, bytes, deviations, firstSequence, lastSequence, ...(await readEnds(stream, state)) };
    });
  }

  async head(signal: AbortSignal): Promise<JournalHead> {
    const { stream } = this.opened();
    return unlessAborted(signal, async () => readHead(stream, await stream.read()));
  }

  async takeOver(head: JournalHead, term: number, node: string, signal: AbortSignal): Promise<JournalWriter> {
    signal.throwIfAborted();
    assertNotOlder(head, term);
    const { writing, stream } = this.opened();
    const { timeoutMs = REQUEST_TIMEOUT_MS, clock = systemClock } = this.options;
    const writer = new NatsWriter({ link: writing, stream, head, term, clock, timeoutMs });
    if (head.last !== null) {
      const { position } = head.last;
      await writer.append({ kind: 'term', node, ...position });
    }
    return writer;
  }

  read(from: ReadFrom, signal: AbortSignal): AsyncIterable<StoredRecord> {
    const { reading, stream, id } = this.opened();
    const patienceMs = this.options.readerPatienceMs ?? READER_PATIENCE_MS;
    const { room, log } = this;
    return readJournal({ link: reading, stream, id, room, log, patienceMs }, from, signal);
  }

  async close(): Promise<void> {
    const { links } = this;
    this.session = null;
    this.links = null;
    const opened = await links?.catch(() => null);
    if (opened) await closeAll([opened.writing, opened.reading, opened.storing]);
  }

  private opened(): Session {
    if (this.session !== null) return this.session;
    throw new UnavailableError({
      message: 'The journal is not open.',
      remedy: 'Check that the NATS servers run and are reachable; see the log for what opening failed with.',
    });
  }

  private async connect(): Promise<Links> {
    const { config, name, node, timeoutMs } = this.options;
    const open = (purpose: string) =>
      Link.open({
        config,
        name: `tidemark ${name} ${node} ${purpose}`,
        log: this.log.child({ connection: purpose }),
        ...(timeoutMs !== undefined && { timeoutMs }),
      });
    const results = await Promise.allSettled([open('writing'), open('reading'), open('storing')]);
    const links = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const [writing, reading, storing] = links;
    if (writing !== undefined && reading !== undefined && storing !== undefined) return { writing, reading, storing };
    this.links = null;
    await closeAll(links);
    throw results.find((result) => result.status === 'rejected')?.reason;
  }
}

async function closeAll(links: readonly Link[]): Promise<void> {
  await Promise.all(links.map((link) => link.close()));
}
