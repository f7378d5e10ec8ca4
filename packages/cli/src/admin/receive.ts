import type { Endpoint, Received, Schema, Shape } from '@tidemark/api';
import type { Context } from 'hono';
import { BadRequestError } from './problem.js';

/** Reads a request by the schemas of its endpoint. @throws BadRequestError */
export async function receive<S extends Shape>(endpoint: Endpoint<S>, c: Context): Promise<Received<S>> {
  const { params, query, body, example } = endpoint;
  const asDocumented = `See ${endpoint.path} in /openapi.json.`;
  return {
    params: parse(params, c.req.param(), asDocumented),
    query: parse(query, c.req.query(), asDocumented),
    body:
      example === undefined
        ? parse(body, {}, asDocumented)
        : parse(body, await jsonOf(c), `Send ${JSON.stringify(example)}.`),
    signal: c.req.raw.signal,
  };
}

function parse<T>(schema: Schema<T>, value: unknown, remedy: string): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const where = issue === undefined || issue.path.length === 0 ? 'The request' : issue.path.join('.');
  throw new BadRequestError({ message: `${where}: ${issue?.message ?? 'is not as expected'}.`, remedy });
}

/** A missing body counts as an empty object. */
async function jsonOf(c: Context): Promise<unknown> {
  const text = await c.req.text();
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BadRequestError({ message: 'The body is not JSON.', remedy: 'Send a JSON object.', cause });
  }
}
