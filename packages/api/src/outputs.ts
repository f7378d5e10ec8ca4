import { holdSchema } from '@tidemark/core';
import * as z from 'zod';
import { explanationSchema } from './explanation.js';
import { journalInfoSchemaWith, snapshotSchemaWith } from './journal.js';
import { type RecordLine, recordSchema } from './records.js';
import { pauseSchema, pipelineStatusSchema, resyncOrderSchema } from './status.js';
import { list, timeSchema } from './values.js';
import { planSchema, repairAnswerSchema, verifyReportSchema } from './verbs.js';

const about = { destination: z.string() };
const snapshotOutput = snapshotSchemaWith(timeSchema);

/** What each command prints with `-o json`, by its name. A stable contract; all times are RFC 3339. */
const outputs = {
  'check-config': z.object({ file: z.string(), ok: z.literal(true), pipeline: z.string() }),
  status: pipelineStatusSchema,
  explain: z.union([explanationSchema, list(explanationSchema)]),
  verify: z.object({ ...about, equal: z.boolean(), ...verifyReportSchema.shape }),
  'verify --repair': z.object({ ...about, equal: z.boolean(), ...repairAnswerSchema.shape }),
  pause: z.object({ ...about, paused: pauseSchema }),
  resume: z.object({ ...about, resumed: z.literal(true) }),
  resync: z.object({ ...about, ordered: resyncOrderSchema }),
  'resync --plan': z.object({ ...about, ...planSchema.shape }),
  approve: z.object({ approved: holdSchema.nullable() }),
  'journal info': journalInfoSchemaWith(timeSchema),
  'snapshot list': list(snapshotOutput),
  'snapshot create': snapshotOutput,
  'step-down': z.object({ steppedDown: z.literal(true) }),
} as const;

export type OutputName = keyof typeof outputs;
type Outputs = { readonly [C in OutputName]: z.output<(typeof outputs)[C]> };
/** What a command prints. */
export type Output<C extends OutputName> = Outputs[C];

const OUTPUTS: { readonly [C in OutputName]: z.ZodType<Outputs[C]> } = outputs;

/** Reads what a command has printed with `-o json`. @throws SyntaxError or ZodError for anything else */
export function parseOutput<C extends OutputName>(command: C, stdout: string): Output<C> {
  return OUTPUTS[command].parse(JSON.parse(stdout));
}

/** Reads a line of `tidemark journal cat -o json`. @throws SyntaxError or ZodError for anything else */
export function parseRecordLine(line: string): RecordLine {
  return recordSchema.parse(JSON.parse(line));
}
