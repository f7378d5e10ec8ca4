export { type LeaderOptions, runLeader } from './leader.js';
export type { LeaderObserver } from './observer.js';
export { ReservedKeys } from './reserved.js';
export { NotLeadingError, SnapshotQueue } from './snapshot-queue.js';
