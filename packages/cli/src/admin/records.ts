import { type Change, hasPrefix, type JournalRecord } from '@tidemark/core';

/** Bytes as JSON: UTF-8 text where they are that, `{"base64": ...}` where not. Part of the stable output. */
export function bytesToJson(bytes: Buffer): string | { base64: string } {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : { base64: bytes.toString('base64') };
}

function changeToJson(change: Change): object {
  const key = bytesToJson(change.key);
  if (change.kind === 'delete') return { kind: 'delete', key };
  const { value, createRevision, version, lease } = change;
  return { kind: 'put', key, value: bytesToJson(value), createRevision, version, lease: lease.toString() };
}

/** One record as a line of `tidemark journal cat -o json`; `prefix` leaves out changes of other keys. */
export function recordToJson(record: JournalRecord, prefix: Buffer): object {
  const { kind, generation, term, previous, revision, time } = record;
  const common = { kind, generation, term, previous, revision, time: new Date(time).toISOString() };
  switch (record.kind) {
    case 'batch':
      return {
        ...common,
        entries: record.entries.map(({ revision: at, changes }) => ({
          revision: at,
          changes: changes.filter(({ key }) => hasPrefix(key, prefix)).map(changeToJson),
        })),
      };
    case 'reset':
      return {
        ...common,
        reason: record.reason,
        evidence: record.evidence,
        clusterId: record.anchor.clusterId,
        snapshot: record.snapshot,
      };
    case 'snapshot':
      return { ...common, snapshot: record.snapshot };
    case 'term':
      return { ...common, node: record.node };
    case 'progress':
      return common;
    default:
      return record satisfies never;
  }
}
