import { NodeUnreachableError } from '../errors.js';
import type { NodeStatus } from './status.js';

/** The problem document every failed request of the admin address answers with. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** A request that a node refused or could not fulfil. */
export class RequestFailedError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(`${problem.code}: ${problem.message}`);
    this.name = 'RequestFailedError';
  }
}

/** A node's own status, or null when it does not answer in time. */
export async function fetchNodeStatus(
  listen: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<NodeStatus | null> {
  try {
    const response = await fetch(`http://${listen}/v1/status?scope=node`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    return response.ok ? ((await response.json()) as NodeStatus) : null;
  } catch {
    // Whatever went wrong, the answer to "does it answer?" is no.
    return null;
  }
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST';
  /** Sent as JSON. */
  readonly body?: object;
  readonly timeoutMs: number;
  readonly token?: string | undefined;
}

/**
 * One request to the admin address of a node.
 * @throws NodeUnreachableError when nothing answers there
 * @throws RequestFailedError when the node says why not
 */
export async function requestNode(listen: string, path: string, options: RequestOptions): Promise<Response> {
  const url = `http://${listen}${path}`;
  const headers = {
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const body = options.body === undefined ? null : JSON.stringify(options.body);
  let response: Response;
  try {
    response = await fetch(url, {
      method: options.method ?? 'GET',
      headers,
      body,
      signal: AbortSignal.timeout(options.timeoutMs),
    });
  } catch (error) {
    throw new NodeUnreachableError({
      message: `No Tidemark node answers at ${url}.`,
      remedy:
        'Check that a node runs there (systemctl status tidemark), or name the configuration of one that does with -c.',
      cause: error,
    });
  }
  if (!response.ok) throw new RequestFailedError(response.status, (await response.json()) as Problem);
  return response;
}
