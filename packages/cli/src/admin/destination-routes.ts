import { parseRoutes, type RouteConfig } from '@tidemark/core';
import type { Plan, VerifyReport } from '@tidemark/worker';
import { type Context, Hono } from 'hono';
import type { DestinationVerbs } from '../daemon/destination-verbs.js';
import { BadRequestError } from './problem.js';
import { bytesToJson } from './records.js';

export interface DestinationRoutesOptions {
  readonly verbs: DestinationVerbs;
  /** @throws ForbiddenError */
  readonly authorize: (c: Context) => void;
  /** Carries out what only the owner can do: here, or there. */
  readonly atOwner: (c: Context, name: string, work: () => Promise<object>) => Promise<object>;
}

/** The verbs of a destination, below `/v1/destinations/:name`. */
export function destinationRoutes({ verbs, authorize, atOwner }: DestinationRoutesOptions): Hono {
  const app = new Hono();
  const name = (c: Context) => c.req.param('name') ?? '';
  app.post('/v1/destinations/:name/verify', async (c) =>
    c.json(reportToJson(await verbs.verify(name(c), c.req.raw.signal))),
  );
  app.post('/v1/destinations/:name/plan', async (c) =>
    c.json(reportToJson(await verbs.plan(name(c), await routesOf(c), c.req.raw.signal))),
  );
  app.get('/v1/destinations/:name/hold', async (c) => c.json({ hold: await verbs.hold(name(c), c.req.raw.signal) }));
  // What follows changes something.
  app.use('/v1/destinations/:name/:verb{approve|pause|resume|resync|repair}', async (c, next) => {
    authorize(c);
    await next();
  });
  app.post('/v1/destinations/:name/approve', async (c) =>
    c.json({ approved: await verbs.approve(name(c), await approvalOf(c), c.req.raw.signal) }),
  );
  app.post('/v1/destinations/:name/pause', async (c) =>
    c.json({ paused: await verbs.pause(name(c), await orderedBy(c), c.req.raw.signal) }),
  );
  app.post('/v1/destinations/:name/resume', async (c) => {
    await verbs.resume(name(c), c.req.raw.signal);
    return c.json({ resumed: true });
  });
  app.post('/v1/destinations/:name/resync', async (c) =>
    c.json({ ordered: await verbs.resync(name(c), await orderedBy(c), c.req.raw.signal) }),
  );
  app.post('/v1/destinations/:name/repair', async (c) =>
    c.json(
      await atOwner(c, name(c), async () => {
        const { found, repaired, left } = await verbs.repair(name(c), c.req.raw.signal);
        return { found: reportToJson(found), repaired, left: reportToJson(left) };
      }),
    ),
  );
  return app;
}

function reportToJson<R extends Pick<VerifyReport | Plan, 'keys'>>(report: R): object {
  return { ...report, keys: report.keys.map(({ kind, key }) => ({ kind, key: bytesToJson(key) })) };
}

/** The routes to plan for; null for the configured ones. */
async function routesOf(c: Context): Promise<readonly RouteConfig[] | null> {
  const { routes } = await bodyOf(c);
  if (routes === undefined) return null;
  const parsed = parseRoutes(JSON.stringify(routes));
  if (parsed !== null) return parsed;
  throw new BadRequestError({ message: 'These are no routes.', remedy: 'Send {"routes": [{"prefix": "/..."}]}.' });
}

/** What was shown, and who approves it. */
async function approvalOf(c: Context): Promise<{ id: string; by: string }> {
  const { id, by } = await bodyOf(c);
  if (typeof id === 'string' && typeof by === 'string') return { id, by };
  throw new BadRequestError({ message: 'id and by are missing.', remedy: 'Send {"id": "...", "by": "user@host"}.' });
}

async function orderedBy(c: Context): Promise<string> {
  const { by } = await bodyOf(c);
  if (typeof by === 'string') return by;
  throw new BadRequestError({ message: 'by is missing.', remedy: 'Send {"by": "user@host"}.' });
}

async function bodyOf(c: Context): Promise<Readonly<Record<string, unknown>>> {
  const text = await c.req.text();
  if (text === '') return {};
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) return body as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new BadRequestError({ message: 'The body is not JSON.', remedy: 'Send a JSON object.', cause });
  }
  throw new BadRequestError({ message: 'The body is not a JSON object.', remedy: 'Send a JSON object.' });
}
