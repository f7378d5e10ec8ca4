export { EtcdDestination } from './destinations/etcd/destination.js';
export { type Approval, type Hold, Holds } from './hold.js';
export type { WorkerObserver } from './observer.js';
export { countDifferences, type DifferenceCount, routeDifference, type SourceCopy } from './reconcile.js';
export { fingerprint, Route } from './routes.js';
export { CannotCompareError, type VerifyReport, verify } from './verify.js';
export { runWorker, type WorkerOptions } from './worker.js';
