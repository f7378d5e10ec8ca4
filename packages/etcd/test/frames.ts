import { type Change, NO_LEASE } from '@tidemark/core';
import type { RevisionRun, WatchResponse } from '../src/wire/responses.js';

/** Watch responses as etcd sends them, for tests. */
export function frame(runs: RevisionRun[], fields: Partial<WatchResponse> = {}): WatchResponse {
  return {
    headerRevision: runs.at(-1)?.revision ?? 1,
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: '',
    fragment: false,
    runs,
    bytes: 0,
    ...fields,
  };
}

export function created(headerRevision: number): WatchResponse {
  return frame([], { created: true, headerRevision });
}

/** The answer to a progress request. */
export function progress(headerRevision: number): WatchResponse {
  return frame([], { headerRevision });
}

export function run(revision: number, ...keys: string[]): RevisionRun {
  return { revision, changes: keys.map((key) => put(key, revision)) };
}

function put(key: string, revision: number): Change {
  return {
    kind: 'put',
    key: Buffer.from(key),
    value: Buffer.from(`value of ${key}`),
    createRevision: revision,
    version: 1,
    lease: NO_LEASE,
  };
}
