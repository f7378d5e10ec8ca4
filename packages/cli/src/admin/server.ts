import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import { type Config, type Logger, readToken } from '@tidemark/core';
import type { Context, Hono } from 'hono';
import { ListenError } from '../base/errors.js';
import type { Node } from '../node/node.js';
import { Forwarding } from './forwarding.js';
import { handlersOf } from './handlers.js';
import { ForbiddenError } from './problem.js';
import { routesOf } from './routes.js';

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
    const handlers = handlersOf(this.view, new Forwarding(this.view, this.token), `${this.hostname}:${this.port}`);
    return routesOf({ handlers, authorize: (c) => this.authorize(c), logger: this.logger });
  }

  private authorize(c: Context): void {
    if (isLoopback(this.hostname)) return;
    const given = c.req.header('authorization')?.replace(/^Bearer /, '');
    if (this.token !== null && given !== undefined && isSame(given, this.token)) return;
    throw new ForbiddenError({
      message: 'This request changes something or shows values: at an address that is not loopback it needs the token.',
      remedy: this.token === null ? 'Set node.tokenFile on every node.' : 'Send the token of node.tokenFile.',
    });
  }
}

/** Takes the same time however much of it is right. */
function isSame(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}

function isLoopback(hostname: string): boolean {
  if (hostname === 'localhost' || hostname === '::1') return true;
  return isIP(hostname) === 4 && hostname.startsWith('127.');
}
