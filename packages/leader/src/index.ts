export { type LeaderOptions, runLeader } from './leader.js';
export type { LeaderObserver } from './observer.js';
export { SourceSightings } from './sightings.js';
export { NotLeadingError, SnapshotQueue } from './snapshot-queue.js';
