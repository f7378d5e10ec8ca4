/** The states of a destination; the same words stand in metrics, status and documents. */
export const DESTINATION_STATES = [
  'starting',
  'bootstrapping',
  'streaming',
  'held',
  'paused',
  'backing_off',
  'failed',
] as const;
export type DestinationState = (typeof DESTINATION_STATES)[number];
