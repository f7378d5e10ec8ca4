import {
  type Endpoint,
  type Handlers,
  LINES_TYPE,
  OPERATIONS,
  type OperationName,
  PROBLEM_TYPE,
  type Received,
  type Shape,
  STREAMS,
  type StreamName,
  statusOf,
  TEXTS,
  type TextName,
} from '@tidemark/api';
import { describeError, type Logger, TidemarkError } from '@tidemark/core';
import { type Context, Hono } from 'hono';
import { NotFoundError } from './problem.js';
import { receive } from './receive.js';

export interface RoutesOptions {
  readonly handlers: Handlers;
  /** @throws ForbiddenError */
  readonly authorize: (c: Context) => void;
  readonly logger: Logger;
}

type Reply<S extends Shape> = (request: Received<S>, c: Context) => Response | Promise<Response>;

/** Serves every endpoint of the API by its handler. */
export function routesOf(options: RoutesOptions): Hono {
  return new Routes(options).app;
}

class Routes {
  readonly app = new Hono();

  constructor(private readonly options: RoutesOptions) {
    for (const name of namesOf(OPERATIONS)) this.operation(name);
    for (const name of namesOf(TEXTS)) this.text(name);
    for (const name of namesOf(STREAMS)) this.stream(name);
    this.app.notFound((c) =>
      fail(
        c,
        new NotFoundError({
          message: `There is nothing at ${c.req.path}.`,
          remedy: 'See docs/operations.md or /openapi.json for all paths.',
        }),
      ),
    );
    this.app.onError((error, c) => this.failed(error, c));
  }

  private operation<N extends OperationName>(name: N): void {
    const operation = OPERATIONS[name];
    const handle = this.options.handlers.operations[name];
    this.serve(operation, async (request, c) => {
      const answer = await handle(request);
      return c.body(JSON.stringify(answer), operation.statusOf?.(answer) ?? 200, {
        'Content-Type': 'application/json',
      });
    });
  }

  private text<N extends TextName>(name: N): void {
    const { type } = TEXTS[name];
    const handle = this.options.handlers.texts[name];
    this.serve(TEXTS[name], async (request, c) => c.body(await handle(request), 200, { 'Content-Type': type }));
  }

  /** A failure before the first line is a problem. Later the answer is cut off, so that nobody takes it for complete. */
  private stream<N extends StreamName>(name: N): void {
    const handle = this.options.handlers.streams[name];
    this.serve(STREAMS[name], async (request, c) => {
      const gone = new AbortController();
      const signal = AbortSignal.any([request.signal, gone.signal]);
      const lines = (await handle({ ...request, signal }))[Symbol.asyncIterator]();
      let next = await lines.next();
      const encoder = new TextEncoder();
      const body = new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          if (next.done === true) {
            controller.close();
            return;
          }
          controller.enqueue(encoder.encode(`${JSON.stringify(next.value)}\n`));
          next = await this.logged(c, () => lines.next());
        },
        cancel: () => gone.abort(),
      });
      return c.body(body, 200, { 'Content-Type': LINES_TYPE });
    });
  }

  private serve<S extends Shape>(endpoint: Endpoint<S>, reply: Reply<S>): void {
    const path = endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1');
    const wanted = Object.entries(endpoint.when ?? {});
    this.app.on(endpoint.method, path, async (c, next) => {
      if (wanted.some(([name, value]) => c.req.query(name) !== value)) return await next();
      if (endpoint.access === 'token') this.options.authorize(c);
      return await reply(await receive(endpoint, c), c);
    });
  }

  private async logged<T>(c: Context, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.options.logger.error({ reason: describeError(error), path: c.req.path }, 'an answer was cut off');
      throw error;
    }
  }

  private failed(error: Error, c: Context): Response {
    if (error instanceof TidemarkError) return fail(c, error);
    this.options.logger.error({ err: error, path: c.req.path }, 'request failed');
    return fail(c, { code: 'INTERNAL', message: 'The request failed.', remedy: 'See the log of this node.' });
  }
}

function fail(c: Context, { code, message, remedy }: Pick<TidemarkError, 'code' | 'message' | 'remedy'>): Response {
  return c.body(JSON.stringify({ code, message, remedy }), statusOf(code), { 'Content-Type': PROBLEM_TYPE });
}

/** Names in the order of the table: of two endpoints with one path, the first that fits answers. */
function namesOf<T extends object>(table: T): readonly (keyof T)[] {
  return Object.keys(table).filter((name): name is Extract<keyof T, string> => name in table);
}
