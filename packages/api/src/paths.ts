import * as z from 'zod';
import {
  type Endpoint,
  get,
  type Handler,
  type Operation,
  post,
  type Shape,
  type ShapeOf,
  type StreamEndpoint,
  type TextEndpoint,
} from './endpoint.js';
import { journalInfoSchema, snapshotSchema } from './journal.js';
import { recordSchema } from './records.js';
import { nodeStatusSchema, pipelineStatusSchema, type Readiness, readinessSchema } from './status.js';
import { list } from './values.js';
import {
  approvalSchema,
  approvedSchema,
  holdAnswerSchema,
  orderedSchema,
  orderSchema,
  pausedSchema,
  planOrderSchema,
  planSchema,
  repairAnswerSchema,
  resumedSchema,
  resumeOrderSchema,
  steppedDownSchema,
  verifyReportSchema,
} from './verbs.js';

/** Every path of the admin HTTP. The server, the client and `/openapi.json` are made from these tables. */

/** The query of a request that only one node can carry out: another one passes it on, and marks it. */
const passedOn = z.object({
  forwarded: z.string().optional().describe('Set by the node that passed it on; it is not passed on again.'),
});

const destination = { params: z.object({ name: z.string() }) } as const;
const ofDestination = 'UNKNOWN_DESTINATION';
const example = { by: 'user@host' } as const;

/** The part of OpenAPI 3.1 that every reader needs. */
export const documentSchema = z
  .looseObject({
    openapi: z.string(),
    info: z.looseObject({ title: z.string(), version: z.string() }),
    paths: z.record(z.string(), z.looseObject({})),
    components: z.looseObject({ schemas: z.record(z.string(), z.looseObject({})) }),
  })
  .describe('This document.');

export const snapshotsSchema = list(snapshotSchema).describe('Complete snapshots, oldest first.');

const operations = {
  readyz: {
    ...get,
    path: '/readyz',
    summary: 'Whether source, journal and the destinations that this node owns are reachable. A standby is ready.',
    answer: readinessSchema,
    statusOf: ({ ready }: Readiness) => (ready ? 200 : 503),
  },
  openapi: { ...get, path: '/openapi.json', summary: 'This document.', answer: documentSchema },
  nodeStatus: {
    ...get,
    path: '/v1/status',
    when: { scope: 'node' },
    summary: 'What this node knows of itself.',
    answer: nodeStatusSchema,
  },
  status: { ...get, path: '/v1/status', summary: 'The whole pipeline.', answer: pipelineStatusSchema },
  journalInfo: { ...get, path: '/v1/journal', summary: 'As `tidemark journal info`.', answer: journalInfoSchema },
  verify: {
    ...post,
    ...destination,
    path: '/v1/destinations/{name}/verify',
    summary: 'As `tidemark verify`: reads the source and the whole destination.',
    answer: verifyReportSchema,
    problems: [ofDestination, 'CANNOT_COMPARE'],
  },
  plan: {
    ...post,
    ...destination,
    path: '/v1/destinations/{name}/plan',
    summary: 'As `tidemark resync --plan`: changes nothing.',
    body: planOrderSchema,
    example: { routes: [{ prefix: '/conftool/' }] },
    answer: planSchema,
    problems: [ofDestination, 'CANNOT_COMPARE'],
  },
  hold: {
    ...get,
    ...destination,
    path: '/v1/destinations/{name}/hold',
    summary: 'The hold that waits for approval.',
    answer: holdAnswerSchema,
    problems: [ofDestination],
  },
  approve: {
    ...post,
    ...destination,
    path: '/v1/destinations/{name}/approve',
    summary: 'As `tidemark approve`: approves exactly the hold that was shown.',
    access: 'token',
    body: approvalSchema,
    example: { id: '...', ...example },
    answer: approvedSchema,
    problems: [ofDestination, 'NOTHING_HELD'],
  },
  pause: {
    ...post,
    ...destination,
    path: '/v1/destinations/{name}/pause',
    summary: 'As `tidemark pause`.',
    access: 'token',
    body: orderSchema,
    example,
    answer: pausedSchema,
    problems: [ofDestination],
  },
  resume: {
    ...post,
    ...destination,
    path: '/v1/destinations/{name}/resume',
    summary: 'As `tidemark resume`.',
    access: 'token',
    body: resumeOrderSchema,
    example,
    answer: resumedSchema,
    problems: [ofDestination],
  },
  resync: {
    ...post,
    ...destination,
    path: '/v1/destinations/{name}/resync',
    summary: 'As `tidemark resync`: orders it; status shows how it goes.',
    access: 'token',
    body: orderSchema,
    example,
    answer: orderedSchema,
    problems: [ofDestination],
  },
  repair: {
    ...post,
    ...destination,
    path: '/v1/destinations/{name}/repair',
    summary: 'As `tidemark verify --repair`. Passed on to the owner.',
    access: 'token',
    query: passedOn,
    answer: repairAnswerSchema,
    problems: [ofDestination, 'CANNOT_COMPARE', 'NOT_OWNED', 'NOT_STREAMING'],
  },
  snapshots: { ...get, path: '/v1/snapshots', summary: 'As `tidemark snapshot list`.', answer: snapshotsSchema },
  createSnapshot: {
    ...post,
    path: '/v1/snapshots',
    summary: 'As `tidemark snapshot create`. Passed on to the leader.',
    access: 'token',
    query: passedOn,
    answer: snapshotSchema,
    problems: ['NOT_LEADING'],
  },
  stepDown: {
    ...post,
    path: '/v1/step-down',
    summary: 'As `tidemark step-down`. Passed on to the leader.',
    access: 'token',
    query: passedOn,
    answer: steppedDownSchema,
    problems: ['NOT_LEADING'],
  },
} as const;

const texts = {
  page: {
    ...get,
    path: '/',
    summary: 'The status page: what `tidemark status` shows, for a browser.',
    type: 'text/html; charset=UTF-8',
  },
  healthz: {
    ...get,
    path: '/healthz',
    summary: '200 while the process lives. For a restart by a supervisor.',
    type: 'text/plain; charset=UTF-8',
  },
  metrics: {
    ...get,
    path: '/metrics',
    summary: 'Prometheus text.',
    type: 'text/plain; version=0.0.4; charset=utf-8',
  },
} as const;

const revision = z.coerce.number().pipe(z.int().min(0)).optional();

const streams = {
  records: {
    ...get,
    path: '/v1/journal/records',
    summary: 'As `tidemark journal cat -o json`: one record a line, up to the end of the journal as it is now.',
    access: 'token',
    query: z.object({
      from: revision.describe('First source revision.'),
      to: revision.describe('Last source revision.'),
      prefix: z.string().optional().describe('Only changes of keys with this prefix.'),
    }),
    line: recordSchema,
    problems: ['BAD_REQUEST'],
  },
} as const;

type Operations = typeof operations;
type Texts = typeof texts;
type Streams = typeof streams;

export type OperationName = keyof Operations;
export type TextName = keyof Texts;
export type StreamName = keyof Streams;

type Shapes = { readonly [N in OperationName]: ShapeOf<Operations[N], z.output<Operations[N]['answer']>> };
type TextShapes = { readonly [N in TextName]: ShapeOf<Texts[N], string> };
type StreamShapes = { readonly [N in StreamName]: ShapeOf<Streams[N], z.output<Streams[N]['line']>> };

export type OperationShape<N extends OperationName> = Shapes[N];
export type StreamShape<N extends StreamName> = StreamShapes[N];
/** What an operation answers. */
export type Answer<N extends OperationName> = Shapes[N]['answer'];

export const OPERATIONS: { readonly [N in OperationName]: Operation<Shapes[N]> } = operations;
export const TEXTS: { readonly [N in TextName]: TextEndpoint<TextShapes[N]> } = texts;
export const STREAMS: { readonly [N in StreamName]: StreamEndpoint<StreamShapes[N]> } = streams;

/** A handler for each path: one that is missing does not compile. */
export interface Handlers {
  readonly operations: { readonly [N in OperationName]: Handler<Shapes[N]> };
  readonly texts: { readonly [N in TextName]: Handler<TextShapes[N]> };
  readonly streams: { readonly [N in StreamName]: Handler<StreamShapes[N], AsyncIterable<Answers<N>>> };
}
type Answers<N extends StreamName> = StreamShapes[N]['answer'];

/** Every endpoint, in the order in which a server has to try them. */
export function endpoints(): readonly Endpoint<Shape>[] {
  return [...Object.values(OPERATIONS), ...Object.values(TEXTS), ...Object.values(STREAMS)];
}
