import type { JournalConfig } from '@tidemark/core';
import { DiscardPolicy, nanos, RetentionPolicy, StorageType, type StreamConfig } from 'nats';

/** Names of the stream, subject and bucket of the pipeline `name`. */
export function journalNames(name: string) {
  return { stream: `TIDEMARK_${name}`, subject: `tidemark.${name}.journal`, bucket: `TIDEMARK_${name}` };
}

export type RetentionConfig = Pick<JournalConfig, 'replicas' | 'maxAge' | 'maxBytes'>;

/** The description is the only free text a stream has on every server version (metadata begins with 2.10). */
export function describeStream(name: string, id: string): string {
  return `Tidemark journal ${name}, id ${id}`;
}

export function journalIdOf(description: string | undefined): string | null {
  return /\bid ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/.exec(description ?? '')?.[1] ?? null;
}

/**
 * The stream as it has to be.
 *
 * At the limits the oldest records are discarded: a destination that is down for longer than the retention resyncs from a
 * snapshot, while the leader and the others continue. A stream that refused new records would stop all of them. Deleting
 * single messages is denied because a hole in the middle looks like lost history. Direct reads are off because a replica
 * that lags may answer them.
 */
export function desiredStream(name: string, retention: RetentionConfig) {
  return {
    name: journalNames(name).stream,
    subjects: [journalNames(name).subject],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    num_replicas: retention.replicas,
    max_age: nanos(retention.maxAge),
    max_bytes: retention.maxBytes,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    deny_delete: true,
    deny_purge: true,
    allow_direct: false,
  } satisfies Partial<StreamConfig>;
}

/** The meaning of each setting, and the harm of a wrong one. */
const COMPARED: Record<keyof ReturnType<typeof desiredStream>, string> = {
  name: 'name',
  subjects: 'subjects (records would not arrive, or foreign messages would)',
  storage: 'storage (memory loses the journal with its server)',
  retention: 'retention policy (records would vanish when read)',
  discard: 'discard policy (a full journal would stop the leader)',
  num_replicas: 'number of replicas (journal.replicas)',
  max_age: 'maximal age in nanoseconds (journal.maxAge)',
  max_bytes: 'maximal size in bytes (journal.maxBytes)',
  max_msgs: 'maximal number of messages',
  max_msgs_per_subject: 'maximal number of messages per subject',
  max_msg_size: 'maximal size of a message',
  deny_delete: 'denial of deleting messages (a hole breaks the chain)',
  deny_purge: 'denial of purging (a purge loses positions)',
  allow_direct: 'direct reads (a replica that lags may answer)',
};

/** Settings that differ from the configuration, as sentences. A setting that the server does not report counts as off. */
export function streamDeviations(found: StreamConfig, desired: ReturnType<typeof desiredStream>): string[] {
  const sentences: string[] = [];
  for (const key of Object.keys(COMPARED) as (keyof typeof COMPARED)[]) {
    const [is, wanted] = [found[key] ?? false, desired[key]].map((value) => JSON.stringify(value));
    if (is !== wanted) sentences.push(`Stream ${found.name}: ${COMPARED[key]} is ${is}, configured is ${wanted}.`);
  }
  return sentences;
}
