import { sleep } from '@tidemark/core';
import type { EtcdClient } from './client.js';
import type { Method } from './methods.js';

/**
 * One request and its answer over a procedure that is a stream, such as a lease's keepalive. A stream for each request fails
 * over, authenticates and times out like any other call; a long-lived one would need a watchdog for silence.
 * @throws UnavailableError when no answer came within `timeoutMs`, or `signal` aborted
 */
export async function roundTrip<Req, Res>(
  client: EtcdClient,
  method: Method<Req, Res>,
  request: Req,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Res> {
  const timer = new AbortController();
  const { stream, member } = await client.open(method, options.signal);
  try {
    return await new Promise<Res>((resolve, reject) => {
      const fail = (what: string) => () => reject(new Error(`${method.name}: ${what}`));
      stream.once('data', resolve);
      // This listener stays: a cancelled stream reports its end as an error, later.
      stream.on('error', reject);
      stream.once('end', fail('the stream ended without an answer'));
      stream.write(request);
      if (options.signal.aborted) fail('aborted')();
      void sleep(options.timeoutMs, timer.signal).then(fail(`no answer within ${options.timeoutMs} ms`));
      options.signal.addEventListener('abort', fail('aborted'), { once: true, signal: timer.signal });
    });
  } catch (error) {
    client.avoid(member);
    throw client.failed(member, error);
  } finally {
    timer.abort();
    stream.cancel();
  }
}
