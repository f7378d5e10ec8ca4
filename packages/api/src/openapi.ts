import { holdSchema, InvariantError } from '@tidemark/core';
import * as z from 'zod';
import { type Endpoint, LINES_TYPE, type Shape } from './endpoint.js';
import { journalInfoSchema, snapshotSchema } from './journal.js';
import { documentSchema, OPERATIONS, STREAMS, snapshotsSchema, TEXTS } from './paths.js';
import { PROBLEM_TYPE, type ProblemCode, problemSchema, statusOf } from './problem.js';
import { recordSchema } from './records.js';
import { nodeStatusSchema, pipelineStatusSchema, placedDestinationSchema, readinessSchema } from './status.js';
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

/** Schemas that the document names. */
const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  Approval: approvalSchema,
  Approved: approvedSchema,
  Document: documentSchema,
  Hold: holdSchema,
  HoldAnswer: holdAnswerSchema,
  JournalInfo: journalInfoSchema,
  NodeStatus: nodeStatusSchema,
  Order: orderSchema,
  Ordered: orderedSchema,
  Paused: pausedSchema,
  PipelineStatus: pipelineStatusSchema,
  PlacedDestination: placedDestinationSchema,
  Plan: planSchema,
  PlanOrder: planOrderSchema,
  Problem: problemSchema,
  Readiness: readinessSchema,
  Record: recordSchema,
  RepairAnswer: repairAnswerSchema,
  ResumeOrder: resumeOrderSchema,
  Resumed: resumedSchema,
  Snapshot: snapshotSchema,
  Snapshots: snapshotsSchema,
  SteppedDown: steppedDownSchema,
  VerifyReport: verifyReportSchema,
};

type Json = Record<string, unknown>;

/** An endpoint, and its answer when nothing fails. */
interface Variant {
  readonly name: string;
  readonly endpoint: Endpoint<Shape>;
  readonly type: string;
  readonly schema: Json;
  /** The same form comes with 503 when something is not reachable. */
  readonly alsoUnavailable: boolean;
}

const uri = (id: string) => `#/components/schemas/${id}`;

/** OpenAPI 3.1, made from the tables of paths. */
export function openapiDocument(version: string): z.output<typeof documentSchema> {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Tidemark admin HTTP',
      version,
      description: 'A stable contract: names stay, and more may be added. Answered on `node.listen` of every node.',
    },
    paths: describePaths(),
    components: {
      schemas: describeComponents(),
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'The content of `node.tokenFile`. Required where the address is not loopback.',
        },
      },
    },
  };
}

function describePaths(): Record<string, Json> {
  const found = new Map<string, Map<string, Variant[]>>();
  for (const variant of variants()) {
    const { path, method } = variant.endpoint;
    const methods = found.get(path) ?? new Map<string, Variant[]>();
    found.set(path, methods.set(method.toLowerCase(), [...(methods.get(method.toLowerCase()) ?? []), variant]));
  }
  const describeMethods = (methods: ReadonlyMap<string, Variant[]>) =>
    Object.fromEntries([...methods].map(([method, each]) => [method, describeOperation(each)]));
  return Object.fromEntries([...found].map(([path, methods]) => [path, describeMethods(methods)]));
}

function variants(): readonly Variant[] {
  return [
    ...Object.entries(OPERATIONS).map(([name, endpoint]) => ({
      ...{ name, endpoint, type: 'application/json', schema: reference(endpoint.answer) },
      alsoUnavailable: endpoint.statusOf !== undefined,
    })),
    ...Object.entries(TEXTS).map(([name, endpoint]) => ({
      ...{ name, endpoint, type: endpoint.type.replace(/;.*$/, ''), schema: { type: 'string' } },
      alsoUnavailable: false,
    })),
    // One such document a line.
    ...Object.entries(STREAMS).map(([name, endpoint]) => ({
      ...{ name, endpoint, type: LINES_TYPE, schema: reference(endpoint.line) },
      alsoUnavailable: false,
    })),
  ];
}

/** One method of one path: the last of its variants is the one without a query of its own. */
function describeOperation(each: readonly Variant[]): Json {
  const main = each.at(-1);
  if (main === undefined) throw new InvariantError('A method of a path has no variant.');
  const { access, example, body } = main.endpoint;
  const schemas = each.map(({ schema }) => schema);
  const content = { [main.type]: { schema: schemas.length === 1 ? schemas[0] : { anyOf: schemas } } };
  return {
    operationId: main.name,
    summary: main.endpoint.summary,
    // The empty requirement says that the token is optional: a loopback address needs none.
    ...(access === 'token' && { security: [{ token: [] }, {}] }),
    parameters: each.flatMap(parametersOf),
    ...(example !== undefined && {
      requestBody: { content: { 'application/json': { schema: reference(body), example } } },
    }),
    responses: {
      200: { description: each.map(({ endpoint }) => endpoint.summary).join(' '), content },
      ...problemsOf(main.endpoint),
      ...(main.alsoUnavailable && { 503: { description: 'Something is not reachable; the body says what.', content } }),
    },
  };
}

function parametersOf({ endpoint: { params, query, when = {}, summary } }: Variant): readonly Json[] {
  const choices = Object.entries(when).map(([name, value]) => ({
    ...{ name, in: 'query', required: false, description: summary, schema: { type: 'string', const: value } },
  }));
  return [...fieldsOf(params, 'path'), ...choices, ...fieldsOf(query, 'query')];
}

function fieldsOf(schema: z.ZodType, place: 'path' | 'query'): readonly Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'output' });
  return Object.entries(properties).map(([name, field]) => {
    const { description, ...rest } = typeof field === 'boolean' ? {} : field;
    return { name, in: place, required: required.includes(name), ...(description && { description }), schema: rest };
  });
}

/** The problem codes by status. */
function problemsOf({ access, example, problems }: Endpoint<Shape>): Json {
  const codes: readonly ProblemCode[] = [
    ...(example === undefined ? [] : ['BAD_REQUEST' as const]),
    ...(access === 'token' ? ['FORBIDDEN' as const] : []),
    ...problems,
    'INTERNAL',
  ];
  const content = { [PROBLEM_TYPE]: { schema: reference(problemSchema) } };
  const statuses = [...new Set(codes.map(statusOf))];
  return {
    ...Object.fromEntries(
      statuses.map((status) => [
        status,
        { description: codes.filter((code) => statusOf(code) === status).join(', '), content },
      ]),
    ),
    503: { description: 'Something that the node needs does not answer, or refuses; the code says which.', content },
  };
}

/** A schema by its name. It must have one: generated clients name their types by it. */
function reference(schema: z.ZodType): Json {
  const found = Object.entries(COMPONENTS).find(([, component]) => component === schema);
  if (found === undefined) throw new InvariantError('A schema of a path is not among the components.');
  return { $ref: uri(found[0]) };
}

function describeComponents(): Record<string, Json> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(COMPONENTS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    uri,
    // As a client reads it: fields may be added to every object.
    io: 'input',
    override: ({ jsonSchema }) => {
      // It comes from readonly lists in TypeScript, and says nothing about requests.
      delete jsonSchema.readOnly;
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _dialect, $id: _id, ...schema }]) => [id, schema]),
  );
}
