import type * as z from 'zod';
import type { Endpoint, Request, Shape } from './endpoint.js';
import { NodeUnreachableError, RequestFailedError, UnexpectedAnswerError } from './errors.js';
import { joinLines } from './join-lines.js';
import {
  type Answer,
  OPERATIONS,
  type OperationName,
  type OperationShape,
  STREAMS,
  type StreamName,
  type StreamShape,
  TEXTS,
  type TextName,
} from './paths.js';
import { Patience } from './patience.js';
import { problemSchema } from './problem.js';

export interface ClientOptions {
  /** HOST:PORT of a node. */
  readonly listen: string;
  /** Milliseconds for one request, until the end of its answer; of a stream, for each piece of it. */
  readonly timeoutMs: number;
  readonly token?: string | undefined;
  /** Ends all requests. */
  readonly signal?: AbortSignal;
}

/** The request may be left out where none of its parts is required. */
type Arguments<S extends Shape> = object extends Request<S> ? [request?: Request<S>] : [request: Request<S>];

interface AnyRequest {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
}

interface Exchange {
  readonly url: string;
  readonly response: Response;
}

/**
 * Talks to the admin address of one node.
 *
 * Every method throws NodeUnreachableError when nothing answers there, or not completely in time; RequestFailedError when
 * the node answers a problem; UnexpectedAnswerError when the answer is not of the form that this version knows.
 */
export class ApiClient {
  constructor(private readonly options: ClientOptions) {}

  async call<N extends OperationName>(name: N, ...[request]: Arguments<OperationShape<N>>): Promise<Answer<N>> {
    const operation = OPERATIONS[name];
    const { url, response } = await this.send(operation, request);
    const text = await readText(url, response);
    const answer = parseJson(operation.answer, text);
    // 503 is the answer itself where an operation says so, and otherwise a problem.
    if (answer !== null && response.status === (operation.statusOf?.(answer.value) ?? 200)) return answer.value;
    throw refusal(url, response, text);
  }

  async text(name: TextName): Promise<string> {
    const { url, response } = await this.send(TEXTS[name], undefined);
    const text = await readText(url, response);
    if (response.ok) return text;
    throw refusal(url, response, text);
  }

  /** The lines of a stream as they come, each a JSON document. */
  async *lines<N extends StreamName>(name: N, ...[request]: Arguments<StreamShape<N>>): AsyncGenerator<string> {
    const patience = new Patience(this.options.timeoutMs);
    const { url, response } = await patience.during(() => this.send(STREAMS[name], request, patience.signal));
    if (!response.ok) throw refusal(url, response, await patience.during(() => readText(url, response)));
    if (response.body === null) return;
    try {
      yield* joinLines(patience.pieces(response.body));
    } catch (error) {
      throw brokenOff(url, error);
    }
  }

  private async send<S extends Shape>(
    endpoint: Endpoint<S>,
    request: AnyRequest | undefined,
    ending = AbortSignal.timeout(this.options.timeoutMs),
  ): Promise<Exchange> {
    const { listen, token, signal } = this.options;
    const { params, query, body } = request ?? {};
    const url = `http://${listen}${fill(endpoint.path, params)}${search({ ...endpoint.when, ...textOf(query) })}`;
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    try {
      const response = await fetch(url, {
        method: endpoint.method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal === undefined ? ending : AbortSignal.any([signal, ending]),
      });
      return { url, response };
    } catch (error) {
      throw new NodeUnreachableError({
        message: `No Tidemark node answers at ${url}.`,
        remedy:
          'Check that a node runs there (systemctl status tidemark), or give the configuration of a running node with -c.',
        cause: error,
      });
    }
  }
}

async function readText(url: string, response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw brokenOff(url, error);
  }
}

function brokenOff(url: string, cause: unknown): NodeUnreachableError {
  return new NodeUnreachableError({
    message: `The answer of ${url} is incomplete.`,
    remedy: 'See the log of that node. If the command takes long, set a longer --timeout.',
    cause,
  });
}

/** The problem that the node answered; where there is none, what answers is no node. */
function refusal(url: string, { status, ok }: Response, text: string): RequestFailedError | UnexpectedAnswerError {
  const problem = ok ? null : parseJson(problemSchema, text);
  if (problem !== null) return new RequestFailedError(problem.value);
  return new UnexpectedAnswerError({
    message: `What answers at ${url} (${status}) is no Tidemark node of this version.`,
    remedy: 'Check that node.listen is the address of a node, and that the node has the version of this command.',
  });
}

/** Null for a text that is not JSON, or of another form. */
function parseJson<T>(schema: z.ZodType<T>, text: string): { readonly value: T } | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const { success, data } = schema.safeParse(json);
  return success ? { value: data } : null;
}

function fill(path: string, params: unknown): string {
  const given = textOf(params);
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(given[name] ?? ''));
}

function search(query: Readonly<Record<string, string>>): string {
  return Object.keys(query).length === 0 ? '' : `?${new URLSearchParams(query).toString()}`;
}

/** What is given, as it is written in a URL. */
function textOf(values: unknown): Readonly<Record<string, string>> {
  if (typeof values !== 'object' || values === null) return {};
  const given = Object.entries(values).filter(([, value]) => typeof value === 'string' || typeof value === 'number');
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
