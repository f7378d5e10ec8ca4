import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import { type Config, hasPrefix, type Logger, readToken, TidemarkError } from '@tidemark/core';
import { NotLeadingError } from '@tidemark/leader';
import { type Context, Hono } from 'hono';
import { stream } from 'hono/streaming';
import type { Node } from '../daemon/node.js';
import { NotOwnedError } from '../daemon/owned-destination.js';
import { ListenError } from '../errors.js';
import type { Problem } from './client.js';
import { RequestFailedError, requestNode } from './client.js';
import { destinationRoutes } from './destination-routes.js';
import { renderPage } from './page.js';
import { ForbiddenError, statusOf } from './problem.js';
import { recordToJson } from './records.js';

/** Milliseconds a verb gets that another node carries out. */
const FORWARD_TIMEOUT_MS = 60_000;

/** The admin HTTP of a node. */
export class AdminServer {
  private server: ServerType | null = null;
  private readonly hostname: string;
  private readonly port: number;
  private readonly token: string | null;

  /** @throws AccessDeniedError */
  constructor(
    node: Config['node'],
    private readonly view: Node,
    private readonly logger: Logger,
  ) {
    const separator = node.listen.lastIndexOf(':');
    this.hostname = node.listen.slice(0, separator).replace(/^\[|\]$/g, '');
    this.port = Number(node.listen.slice(separator + 1));
    this.token = node.tokenFile === undefined ? null : readToken(node.tokenFile, 'node.tokenFile');
  }

  /** @throws ListenError */
  async listen(): Promise<void> {
    const app = this.routes();
    await new Promise<void>((resolve, reject) => {
      const server = serve({ fetch: app.fetch, hostname: this.hostname, port: this.port }, () => resolve());
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new ListenError({
            message: `The admin address ${this.hostname}:${this.port} cannot be used: ${error.code ?? error.message}.`,
            remedy: 'Set node.listen to an address of this host and a port that is free.',
            cause: error,
          }),
        ),
      );
      this.server = server;
    });
  }

  async close(): Promise<void> {
    const { server } = this;
    if (server === null) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      if ('closeAllConnections' in server) server.closeAllConnections();
    });
  }

  private routes(): Hono {
    const { view } = this;
    const app = new Hono();
    app.get('/', async (c) =>
      c.html(renderPage(await view.pipelineStatus(c.req.raw.signal), `${this.hostname}:${this.port}`)),
    );
    app.get('/healthz', (c) => c.text('ok\n'));
    app.get('/readyz', (c) => c.json({ ready: view.ready, hops: view.hops }, view.ready ? 200 : 503));
    app.get('/metrics', async (c) =>
      c.text(await view.metrics(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
    );
    app.get('/v1/status', async (c) =>
      c.json(c.req.query('scope') === 'node' ? view.status() : await view.pipelineStatus(c.req.raw.signal)),
    );
    app.get('/v1/journal', async (c) => c.json(await view.journalInfo(c.req.raw.signal)));
    app.get('/v1/journal/records', (c) => this.streamRecords(c));
    app.route(
      '/',
      destinationRoutes({
        verbs: view.verbs,
        authorize: (c) => this.authorize(c),
        atOwner: (c, name, work) => this.atOwner(c, name, work),
      }),
    );
    app.get('/v1/snapshots', async (c) => c.json(await view.snapshots(c.req.raw.signal)));
    app.post('/v1/snapshots', async (c) => {
      this.authorize(c);
      return c.json(await this.createSnapshot(c));
    });
    app.post('/v1/step-down', async (c) => {
      this.authorize(c);
      return c.json(await this.stepDown(c));
    });
    app.notFound((c) =>
      c.json(problem('NOT_FOUND', `There is nothing at ${c.req.path}.`, 'See docs/operations.md for what is.'), 404),
    );
    app.onError((error, c) => this.fail(error, c));
    return app;
  }

  private async createSnapshot(c: Context): Promise<object> {
    try {
      return await this.view.createSnapshot();
    } catch (error) {
      if (!(error instanceof NotLeadingError)) throw error;
      return await this.forwardToLeader('/v1/snapshots', c);
    }
  }

  private async stepDown(c: Context): Promise<object> {
    if (this.view.stepDown()) return { steppedDown: true };
    return await this.forwardToLeader('/v1/step-down', c);
  }

  private async forwardToLeader(path: string, c: Context): Promise<object> {
    const leader = forwarded(c) ? null : await this.view.leaderAddress(c.req.raw.signal);
    if (leader !== null) return await this.forward(leader, path);
    throw new NotLeadingError({ message: 'No node leads at the moment.', remedy: 'See `tidemark status`.' });
  }

  /** Does the work here when this node owns the destination, and otherwise has its owner do it. */
  private async atOwner(c: Context, name: string, work: () => Promise<object>): Promise<object> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof NotOwnedError)) throw error;
      const owner = forwarded(c) ? null : await this.view.ownerAddress(name, c.req.raw.signal);
      if (owner === null) throw error;
      return await this.forward(owner, c.req.path);
    }
  }

  private async forward(listen: string, path: string): Promise<object> {
    const options = { method: 'POST', timeoutMs: FORWARD_TIMEOUT_MS, token: this.token ?? undefined } as const;
    return (await (await requestNode(listen, `${path}?forwarded=yes`, options)).json()) as object;
  }

  private streamRecords(c: Context): Response {
    this.authorize(c);
    const from = Number(c.req.query('from') ?? 0);
    const to = Number(c.req.query('to') ?? Number.MAX_SAFE_INTEGER);
    const prefix = Buffer.from(c.req.query('prefix') ?? '');
    c.header('content-type', 'application/x-ndjson');
    return stream(c, async (out) => {
      const stop = new AbortController();
      out.onAbort(() => stop.abort());
      for await (const record of this.view.records(from, stop.signal)) {
        if (record.previous >= to) break;
        if (record.revision < from) continue;
        if (
          prefix.length > 0 &&
          !(
            record.kind === 'batch' &&
            record.entries.some(({ changes }) => changes.some(({ key }) => hasPrefix(key, prefix)))
          )
        )
          continue;
        await out.write(`${JSON.stringify(recordToJson(record, prefix))}\n`);
      }
    });
  }

  private authorize(c: Context): void {
    if (isLoopback(this.hostname)) return;
    const given = c.req.header('authorization')?.replace(/^Bearer /, '');
    if (this.token !== null && given !== undefined && isSame(given, this.token)) return;
    throw new ForbiddenError({
      message: 'This verb changes something or shows values, and the admin address is not a loopback address.',
      remedy: this.token === null ? 'Set node.tokenFile on every node.' : 'Send the token of node.tokenFile.',
    });
  }

  private fail(error: Error, c: Context): Response {
    if (error instanceof TidemarkError)
      return c.json(problem(error.code, error.message, error.remedy), statusOf(error));
    if (error instanceof RequestFailedError) return c.json(error.problem, 503);
    this.logger.error({ err: error, path: c.req.path }, 'request failed');
    return c.json(problem('INTERNAL', 'The request failed.', 'See the log of this node.'), 500);
  }
}

/** In the same time, however much of it is right. */
function isSame(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}

/** Asked by another node because this one led, or owned: it has just stopped to, and the caller asks again. */
function forwarded(c: Context): boolean {
  return c.req.query('forwarded') !== undefined;
}

function problem(code: string, message: string, remedy: string): Problem {
  return { code, message, remedy };
}

function isLoopback(hostname: string): boolean {
  if (hostname === 'localhost' || hostname === '::1') return true;
  return isIP(hostname) === 4 && hostname.startsWith('127.');
}
