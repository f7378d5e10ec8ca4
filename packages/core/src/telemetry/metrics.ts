import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** From a transaction on loopback (1 ms) to a destination that is about to time out (10 s). */
const APPLY_SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Every metric of Tidemark, in one place: names and labels are a contract. Keys never become labels. */
export function createMetrics(pipeline: string) {
  const registry = new Registry();
  registry.setDefaultLabels({ pipeline });
  const registers = [registry];
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name: `tidemark_${name}`, help, labelNames, registers });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name: `tidemark_${name}`, help, labelNames, registers });
  return {
    registry,
    leader: gauge('leader', '1 while this node leads.'),
    term: gauge('term', 'Fencing token of the leader, as this node last saw it in the journal.'),
    sourceRevision: gauge('source_revision', 'Newest revision of the source that the leader has seen.'),
    journalRevision: gauge('journal_revision', 'Source revision of the last journal record.'),
    sourceHeadroom: gauge(
      'source_headroom_revisions',
      'Revisions between the newest journaled one and the newest compacted one at the source.',
    ),
    journalHeadroom: gauge(
      'journal_headroom_seconds',
      'Time until retention of the journal would remove what the destination needs next.',
      ['destination'],
    ),
    journalBytes: gauge('journal_bytes', 'Bytes the journal occupies.'),
    destinationRevision: gauge('destination_revision', 'Source revision a destination has reached.', ['destination']),
    destinationLagRevisions: gauge('destination_lag_revisions', 'Journal revision minus destination revision.', [
      'destination',
    ]),
    destinationLagSeconds: gauge(
      'destination_lag_seconds',
      'Age of the oldest journaled change that is not applied; 0 when there is none.',
      ['destination'],
    ),
    destinationState: gauge('destination_state', '1 for the state a destination is in.', ['destination', 'state']),
    appliedChanges: counter('applied_changes_total', 'Changes written to a destination.', ['destination', 'op']),
    appliedTransactions: counter('applied_transactions_total', 'Transactions committed at a destination.', [
      'destination',
    ]),
    applySeconds: new Histogram({
      name: 'tidemark_apply_seconds',
      help: 'Time of one transaction at a destination.',
      labelNames: ['destination'],
      buckets: APPLY_SECONDS_BUCKETS,
      registers,
    }),
    resets: counter('resets_total', 'Times that history began again with a new snapshot.', ['reason']),
    fenced: counter('fenced_total', 'Writes that were refused because another writer was there first.', ['role']),
    brakeHolds: counter('brake_holds_total', 'Times a destination was held.', ['destination', 'brake']),
    foreignWrites: counter('foreign_writes_total', 'Writes by others where only Tidemark should write.', [
      'destination',
    ]),
    driftKeys: gauge('drift_keys', 'Keys that differed at the last comparison with the source.', ['destination']),
    certificateExpiry: gauge('certificate_expiry_seconds', 'Time until the certificate in the file of a hop expires.', [
      'hop',
    ]),
    buildInfo: gauge('build_info', 'Always 1; the version is in the label.', ['version']),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
