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
import { NatsConnection, REQUEST_TIMEOUT_MS } from './connection.js';
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
  /** How long the servers may be unreachable before a reader fails, in milliseconds. */
  readonly readerMaxOutageMs?: number;
}

const READER_MAX_OUTAGE_MS = 10_000;
/** Bytes that all readers of a node may hold together: a node has a reader for each of its destinations. */
const READERS_BYTES = 8 * 1024 * 1024;

/** Three connections, so that bulk on one does not delay the others. */
interface Connections {
  readonly writing: NatsConnection;
  readonly reading: NatsConnection;
  readonly storing: NatsConnection;
}

/** The state since the last `open`. */
interface Session extends Connections {
  readonly id: string;
  /** The stream, over the connection for reading. */
  readonly stream: JournalStream;
  readonly snapshots: SnapshotStore;
}

/** The journal in NATS JetStream: the stream `TIDEMARK_<name>` and the object store bucket of the same name. */
export class NatsJournal implements Journal {
  readonly snapshots: SnapshotStore;
  private session: Session | null = null;
  /** Shared by all calls of `open`, also concurrent ones: connections reconnect by themselves. */
  private connections: Promise<Connections> | null = null;
  private readonly budget = new SharedBudget(READERS_BYTES);
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
    this.connections ??= this.connect();
    const connections = await this.connections;
    const stream = new JournalStream(connections.reading, name, config);
    const bucket = new ObjectBucket({ connection: connections.storing, pipeline: name, replicas: config.replicas });
    const [{ id, deviations }] = await Promise.all([stream.ensure(), bucket.ensure()]);
    for (const deviation of deviations) this.log.warn({ deviation }, 'the journal stream is not as configured');
    this.session = { ...connections, id, stream, snapshots: new BucketSnapshotStore(bucket) };
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
    const writer = new NatsWriter({ connection: writing, stream, head, term, clock, timeoutMs });
    if (head.last !== null) {
      const { position } = head.last;
      await writer.append({ kind: 'term', node, ...position });
    }
    return writer;
  }

  read(from: ReadFrom, signal: AbortSignal): AsyncIterable<StoredRecord> {
    const { reading, stream, id } = this.opened();
    const maxOutageMs = this.options.readerMaxOutageMs ?? READER_MAX_OUTAGE_MS;
    const { budget, log } = this;
    return readJournal({ connection: reading, stream, id, budget, log, maxOutageMs }, from, signal);
  }

  async close(): Promise<void> {
    const { connections } = this;
    this.session = null;
    this.connections = null;
    const opened = await connections?.catch(() => null);
    if (opened) await closeAll([opened.writing, opened.reading, opened.storing]);
  }

  private opened(): Session {
    if (this.session !== null) return this.session;
    throw new UnavailableError({
      message: 'The journal is not open.',
      remedy: 'Check that the NATS servers run and are reachable; the log shows why opening it failed.',
    });
  }

  private async connect(): Promise<Connections> {
    const { config, name, node, timeoutMs } = this.options;
    const open = (purpose: string) =>
      NatsConnection.open({
        config,
        name: `tidemark ${name} ${node} ${purpose}`,
        log: this.log.child({ connection: purpose }),
        ...(timeoutMs !== undefined && { timeoutMs }),
      });
    const results = await Promise.allSettled([open('writing'), open('reading'), open('storing')]);
    const connections = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const [writing, reading, storing] = connections;
    if (writing !== undefined && reading !== undefined && storing !== undefined) return { writing, reading, storing };
    this.connections = null;
    await closeAll(connections);
    throw results.find((result) => result.status === 'rejected')?.reason;
  }
}

async function closeAll(connections: readonly NatsConnection[]): Promise<void> {
  await Promise.all(connections.map((connection) => connection.close()));
}
