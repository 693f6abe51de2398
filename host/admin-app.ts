/** The admin listener: deploying, listing, the ledger, usage and bills. No sockets here; server.ts binds it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
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
import { errorAnswer } from './error-response.ts';
import { checkSettings } from './function-settings.ts';
import type { Host } from './host.ts';
import type { LedgerFilter } from './ledger/ledger.ts';
import { billedQuantities, usageByFunction } from './ledger/ledger-totals.ts';
import type { DeployedFunction } from './registry.ts';
import { discardRest, readBody } from './request-body.ts';

/** What the server gives with each request. */
type Env = {
  readonly Bindings: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse };
};

const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;
/** Settings are short; a long list of places to reach still fits. */
const SETTINGS_BYTES_MAX = 262_144;

/** First line of an export: what follows, and in which form. */
export const EXPORT_HEADER = { format: 'ebb-executions', formatVersion: 1 } as const;

function methodNotAllowed(allowed: string) {
  return (context: Context<Env>): never => {
    context.header('allow', allowed);
    throw new CodedError(
      'method-not-allowed',
      `expected ${allowed} for ${context.req.path}, got ${context.req.method}`,
    );
  };
}

/** @throws CodedError `content-type-unsupported` */
function checkContentType(context: Context<Env>, expected: string): void {
  const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type === expected) return;
  throw new CodedError(
    'content-type-unsupported',
    `expected content-type ${expected}, got ${type ?? 'none'}`,
  );
}

/** @throws CodedError `settings-invalid` */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new CodedError('settings-invalid', `expected settings as JSON: ${(thrown as Error).message}`);
  }
}

function functionRoutes(app: Hono<Env>, host: Host): void {
  const described = (deployed: DeployedFunction) => ({
    ...deployed,
    settings: host.settings.effective(deployed.name),
  });
  app.get('/v1/functions', (context) => context.json({ functions: host.registry.list().map(described) }));
  app.all('/v1/functions', methodNotAllowed('GET'));

  app.get('/v1/functions/:name', (context) =>
    context.json(described(host.registry.get(context.req.param('name')))),
  );
  app.put('/v1/functions/:name', async (context) => {
    checkContentType(context, 'application/wasm');
    const query = context.req.query();
    checkParameters(query, ['settings']);
    const changes = checkSettings(parsedJson(query.settings ?? '{}'), host.config);
    const bytesMax = toBytes(host.config.componentMb);
    const { incoming, outgoing } = context.env;
    const bytes = await readBody(incoming, outgoing, bytesMax, 'component-too-large', 'a component');
    const { deployed, isNew } = await host.deployments.deploy(context.req.param('name'), bytes, changes);
    return context.json(described(deployed), isNew ? 201 : 200);
  });
  app.delete('/v1/functions/:name', async (context) => {
    return context.json(await host.deployments.remove(context.req.param('name')));
  });
  app.all('/v1/functions/:name', methodNotAllowed('GET, PUT, DELETE'));
}

function settingsRoutes(app: Hono<Env>, host: Host): void {
  const path = '/v1/functions/:name/settings';
  const shown = (name: string) => ({
    name,
    settings: host.settings.effective(name),
    own: host.settings.own(name),
  });
  app.get(path, (context) => context.json(shown(host.registry.get(context.req.param('name')).name)));
  app.put(path, async (context) => {
    checkContentType(context, 'application/json');
    const { name } = host.registry.get(context.req.param('name'));
    const { incoming, outgoing } = context.env;
    const body = await readBody(incoming, outgoing, SETTINGS_BYTES_MAX, 'request-too-large', 'settings');
    await host.deployments.setSettings(
      name,
      checkSettings(parsedJson(Buffer.from(body).toString()), host.config),
    );
    return context.json(shown(name));
  });
  app.delete(path, async (context) => {
    const name = context.req.param('name');
    await host.deployments.setSettings(name, {});
    return context.json(shown(name));
  });
  app.all(path, methodNotAllowed('GET, PUT, DELETE'));
}

/** Stops where the reader stops, and breaks off where reading fails: half an export must not look whole. */
async function* exportLines(host: Host, filter: LedgerFilter): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${JSON.stringify(EXPORT_HEADER)}\n`);
  for await (const chunk of host.ledger.read(filter)) {
    yield Buffer.from(chunk.map((entry) => `${JSON.stringify(entry, [...RECORD_KEYS])}\n`).join(''));
  }
}

function executionRoutes(app: Hono<Env>, host: Host): void {
  app.get('/v1/executions', async (context) => {
    const query = context.req.query();
    checkParameters(query, [...FILTER_PARAMETERS, 'limit', 'before']);
    const limit = integerParameter(query, 'limit', 1, PAGE_MAX) ?? PAGE_DEFAULT;
    const before = integerParameter(query, 'before', 1, Number.MAX_SAFE_INTEGER);
    const executions = await host.ledger.newest(ledgerFilter(query), limit, before);
    const next = executions.length === limit ? (executions.at(-1)?.id ?? null) : null;
    return context.json({ executions, nextBefore: next });
  });
  app.all('/v1/executions', methodNotAllowed('GET'));

  app.get('/v1/executions/export', (context) => {
    const query = context.req.query();
    checkParameters(query, FILTER_PARAMETERS);
    const lines = exportLines(host, ledgerFilter(query));
    return context.body(ReadableStream.from(lines) as ReadableStream, 200, {
      'content-type': 'application/jsonl',
    });
  });
  app.all('/v1/executions/export', methodNotAllowed('GET'));
}

function moneyRoutes(app: Hono<Env>, host: Host): void {
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

/** Answers an error, and reads past what the client still sends. */
function refuse(context: Context<Env>, thrown: unknown, host: Host): Response {
  const { status, headers, body } = errorAnswer(thrown, host.onInternal);
  discardRest(context.env.incoming);
  return context.json(body, status as ContentfulStatusCode, headers);
}

export function adminApp(host: Host): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/healthz', (context) => {
    const status = host.isDraining ? 'draining' : 'ok';
    return context.json({ status, functions: host.registry.list().length }, host.isDraining ? 503 : 200);
  });
  app.all('/healthz', methodNotAllowed('GET'));
  functionRoutes(app, host);
  settingsRoutes(app, host);
  executionRoutes(app, host);
  moneyRoutes(app, host);
  app.notFound((context) => {
    const message = `no such path: ${context.req.path}; expected /v1/functions, /v1/executions, /v1/usage, /v1/bill or /healthz`;
    return refuse(context, new CodedError('path-unknown', message), host);
  });
  app.onError((error, context) => refuse(context, error, host));
  return app;
}
