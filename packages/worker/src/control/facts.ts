import * as z from 'zod';

const ordered = {
  /** `user@host`, as told by the one who asked. */
  by: z.string(),
  /** RFC 3339. */
  at: z.string(),
};

/** Somebody stopped a destination. */
export const pauseSchema = z.object(ordered);
export type Pause = z.output<typeof pauseSchema>;

/** Somebody asked for a destination to be compared with a new snapshot; the id is the order's own. */
export const resyncSchema = z.object({ id: z.string(), ...ordered });
export type ResyncOrder = z.output<typeof resyncSchema>;

/** Somebody lets go what waits; the id is that of the hold. */
export const approvalSchema = z.object({ id: z.string(), ...ordered });
export type Approval = z.output<typeof approvalSchema>;

/** Of a hold, and of an approval, what tells it from others. */
export const noteSchema = z.object({ id: z.string() });
