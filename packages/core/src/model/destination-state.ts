/** The states of a destination: metrics, status and documents use the same words. */
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
