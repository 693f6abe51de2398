/** The admin listener: deploying, listing, the ledger, usage and bills. No sockets here; server.ts binds it. */
import { type Context, Hono } from 'hono';
import { stream } from 'hono/streaming';
import { CodedError } from '../metering/errors.ts';
import { RECORD_KEYS } from '../metering/execution.ts';
import { makeInvoice, reportInvoice } from '../metering/invoice.ts';
import { priceBook } from '../metering/prices/catalogue.ts';
import {
  booleanParameter,
  checkParameters,
  FILTER_PARAMETERS,
  integerParameter,
  ledgerFilter,
} from './admin-queries.ts';
import { toBytes } from './config.ts';
import { errorResponse } from './error-response.ts';
import type { Host } from './host.ts';
import { billedQuantities, usageByFunction } from './ledger-totals.ts';
import { readBody } from './request-body.ts';

const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;

/** First line of an export: what follows, and in which form. */
export const EXPORT_HEADER = { format: 'ebb-executions', formatVersion: 1 } as const;

function methodNotAllowed(allowed: string) {
  return (context: Context): never => {
    context.header('allow', allowed);
    throw new CodedError(
      'method-not-allowed',
      `expected ${allowed} for ${context.req.path}, got ${context.req.method}`,
    );
  };
}

function functionRoutes(app: Hono, host: Host): void {
  app.get('/v1/functions', (context) => context.json({ functions: host.registry.list() }));
  app.all('/v1/functions', methodNotAllowed('GET'));

  app.get('/v1/functions/:name', (context) => context.json(host.registry.get(context.req.param('name'))));
  app.put('/v1/functions/:name', async (context) => {
    const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/wasm') {
      const got = type ?? 'none';
      throw new CodedError('content-type-unsupported', `expected content-type application/wasm, got ${got}`);
    }
    const bytesMax = toBytes(host.config.componentMb);
    const bytes = await readBody(context.req.raw, bytesMax, 'component-too-large', 'a component');
    const { deployed, isNew } = await host.deploy(context.req.param('name'), bytes);
    return context.json(deployed, isNew ? 201 : 200);
  });
  app.delete('/v1/functions/:name', async (context) => {
    return context.json(await host.remove(context.req.param('name')));
  });
  app.all('/v1/functions/:name', methodNotAllowed('GET, PUT, DELETE'));
}

function executionRoutes(app: Hono, host: Host): void {
  app.get('/v1/executions', (context) => {
    const query = context.req.query();
    checkParameters(query, [...FILTER_PARAMETERS, 'limit', 'before']);
    const limit = integerParameter(query, 'limit', 1, PAGE_MAX) ?? PAGE_DEFAULT;
    const before = integerParameter(query, 'before', 1, Number.MAX_SAFE_INTEGER);
    const executions = host.ledger.newest(ledgerFilter(query), limit, before);
    const next = executions.length === limit ? (executions.at(-1)?.id ?? null) : null;
    return context.json({ executions, nextBefore: next });
  });
  app.all('/v1/executions', methodNotAllowed('GET'));

  app.get('/v1/executions/export', (context) => {
    const query = context.req.query();
    checkParameters(query, FILTER_PARAMETERS);
    const chunks = host.ledger.read(ledgerFilter(query));
    context.header('content-type', 'application/jsonl');
    return stream(context, async (out) => {
      await out.write(`${JSON.stringify(EXPORT_HEADER)}\n`);
      for await (const chunk of chunks) {
        await out.write(chunk.map((entry) => `${JSON.stringify(entry, [...RECORD_KEYS])}\n`).join(''));
      }
    });
  });
  app.all('/v1/executions/export', methodNotAllowed('GET'));
}

function moneyRoutes(app: Hono, host: Host): void {
  app.get('/v1/usage', async (context) => {
    const query = context.req.query();
    checkParameters(query, FILTER_PARAMETERS);
    return context.json({ functions: await usageByFunction(host.ledger, ledgerFilter(query)) });
  });
  app.all('/v1/usage', methodNotAllowed('GET'));

  app.get('/v1/bill', async (context) => {
    const query = context.req.query();
    checkParameters(query, [...FILTER_PARAMETERS, 'prices', 'freeTier']);
    const book = priceBook(query.prices ?? 'aws-lambda-x86');
    const freeTier = booleanParameter(query, 'freeTier');
    const { executions, quantities } = await billedQuantities(host.ledger, ledgerFilter(query), book);
    return context.json({ executions, ...reportInvoice(makeInvoice(book, quantities, { freeTier })) });
  });
  app.all('/v1/bill', methodNotAllowed('GET'));
}

export function adminApp(host: Host): Hono {
  const app = new Hono();
  app.get('/healthz', (context) => {
    const status = host.isDraining ? 'draining' : 'ok';
    return context.json({ status, functions: host.registry.list().length }, host.isDraining ? 503 : 200);
  });
  functionRoutes(app, host);
  executionRoutes(app, host);
  moneyRoutes(app, host);
  app.notFound((context) => {
    const message = `no such path: ${context.req.path}; expected /v1/functions, /v1/executions, /v1/usage, /v1/bill or /healthz`;
    return errorResponse(context, new CodedError('path-unknown', message), host.onInternal);
  });
  app.onError((error, context) => errorResponse(context, error, host.onInternal));
  return app;
}
