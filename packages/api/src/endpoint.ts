import * as z from 'zod';
import type { ProblemCode } from './problem.js';

/** What goes into a request, and what comes out: the types of an endpoint's schemas. */
export interface Shape {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly answer: unknown;
}

export type Schema<T> = z.ZodType<T>;

/** One method of one path. */
export interface Endpoint<S extends Shape> {
  readonly method: 'GET' | 'POST';
  /** As in OpenAPI: `/v1/destinations/{name}/hold`. */
  readonly path: string;
  readonly summary: string;
  /** `token`: changes something or shows values, and asks for the token where the address is not loopback. */
  readonly access: 'open' | 'token';
  readonly params: Schema<S['params']>;
  readonly query: Schema<S['query']>;
  /** A query that only this endpoint of its path has. */
  readonly when?: Readonly<Record<string, string>>;
  readonly body: Schema<S['body']>;
  /** A valid body, shown to a caller whose body is not. Absent where none is expected. */
  readonly example?: object;
  /** Codes that have a status of their own; every endpoint may answer 500 and 503 as well. */
  readonly problems: readonly ProblemCode[];
}

/** Answers one JSON document. */
export interface Operation<S extends Shape> extends Endpoint<S> {
  readonly answer: Schema<S['answer']>;
  /** The status of an answer, where that is not 200. */
  readonly statusOf?: (answer: S['answer']) => 200 | 503;
}

/** Answers text of a media type. */
export interface TextEndpoint<S extends Shape> extends Endpoint<S> {
  readonly type: string;
}

/** Answers JSON documents, one on each line, until there are no more. */
export interface StreamEndpoint<S extends Shape> extends Endpoint<S> {
  readonly line: Schema<S['answer']>;
}

export const LINES_TYPE = 'application/x-ndjson';

const nothing = z.object({});
const plain = { params: nothing, query: nothing, body: nothing, access: 'open', problems: [] } as const;

/** What most endpoints have in common. */
export const get = { ...plain, method: 'GET' } as const;
export const post = { ...plain, method: 'POST' } as const;

type Schemas = Pick<Endpoint<Shape>, 'params' | 'query' | 'body'>;

export interface ShapeOf<E extends Schemas, A> {
  readonly params: z.output<E['params']>;
  readonly query: z.output<E['query']>;
  readonly body: z.output<E['body']>;
  readonly answer: A;
}

type Given<K extends 'params' | 'query' | 'body', S extends Shape> =
  S[K] extends Record<string, never>
    ? { readonly [key in K]?: never }
    : object extends S[K]
      ? { readonly [key in K]?: S[K] }
      : { readonly [key in K]: S[K] };

/** What a caller gives: parts without a required field may be left out. */
export type Request<S extends Shape> = Given<'params', S> & Given<'query', S> & Given<'body', S>;

/** What a handler is given. */
export interface Received<S extends Shape> {
  readonly params: S['params'];
  readonly query: S['query'];
  readonly body: S['body'];
  /** Aborts when the caller is gone. */
  readonly signal: AbortSignal;
}

export type Handler<S extends Shape, R = S['answer']> = (request: Received<S>) => R | Promise<R>;
