/** Why a new stretch of history began: in the journal's records, in the API, and as the label of `tidemark_resets_total`. */
export const RESET_REASONS = [
  'first_start',
  'compacted',
  'gap',
  'rewound',
  'foreign_source',
  'journal_lost',
  'snapshot_missing',
] as const;
export type ResetReason = (typeof RESET_REASONS)[number];
