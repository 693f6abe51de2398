/** The public listener: `/f/{name}/…` runs a function. No sockets here; server.ts binds it. */
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { CodedError } from '../metering/errors.ts';
import { toBytes } from './config.ts';
import { errorResponse } from './error-response.ts';
import type { Host } from './host.ts';
import { readBody } from './request-body.ts';
import type { FieldEntry } from './wasi/fields.ts';
import type { RequestData, ResponseData } from './wasi/http-incoming.ts';

type Env = { Bindings: Partial<HttpBindings> };

/** `/f/name/rest?query` gives `name` and `/rest?query`, which is what the guest sees as its path. */
function splitTarget(url: string): { readonly name: string; readonly pathWithQuery: string } {
  const { pathname, search } = new URL(url);
  const [, , name = '', ...rest] = pathname.split('/');
  return { name: decodeURIComponent(name), pathWithQuery: `/${rest.join('/')}${search}` };
}

/** Headers as they came, duplicates apart; where there is no socket, as the Request has them. */
function requestHeaders(context: Context<Env>): FieldEntry[] {
  const raw = context.env?.incoming?.rawHeaders;
  const entries: FieldEntry[] = [];
  if (raw) {
    for (let index = 0; index + 1 < raw.length; index += 2) {
      entries.push([raw[index] as string, Buffer.from(raw[index + 1] as string, 'latin1')]);
    }
  } else {
    context.req.raw.headers.forEach((value, name) => {
      entries.push([name, Buffer.from(value, 'latin1')]);
    });
  }
  return entries;
}

async function toRequestData(
  context: Context<Env>,
  pathWithQuery: string,
  bytesMax: number,
): Promise<RequestData> {
  const { raw } = context.req;
  return {
    method: raw.method,
    pathWithQuery,
    scheme: 'http',
    authority: raw.headers.get('host') ?? new URL(raw.url).host,
    headers: requestHeaders(context),
    body: await readBody(raw, bytesMax, 'request-too-large', 'a request body'),
  };
}

/** Statuses whose responses never have a body (RFC 9110, 6.4.1). */
const BODILESS = new Set([204, 205, 304]);

function toResponse({ status, headers, body }: ResponseData, executionId: number): Response {
  const sent = new Headers({ 'x-ebb-execution': String(executionId) });
  for (const [name, value] of headers) {
    if (name.toLowerCase() !== 'content-length') sent.append(name, Buffer.from(value).toString('latin1'));
  }
  return new Response(BODILESS.has(status) ? null : (body as Uint8Array<ArrayBuffer>), { status, headers: sent });
}

export function publicApp(host: Host): Hono<Env> {
  const app = new Hono<Env>();
  const requestBytesMax = toBytes(host.config.requestMb);

  app.all('/f/*', async (context) => {
    const { name, pathWithQuery } = splitTarget(context.req.url);
    const target = host.registry.get(name);
    host.checkNotDraining();
    const request = await toRequestData(context, pathWithQuery, requestBytesMax);
    const { response, executionId } = await host.executor.execute(target, request, context.req.raw.signal);
    return toResponse(response, executionId);
  });
  app.notFound((context) => {
    const message = `expected a path /f/{name}/…, got ${context.req.path}`;
    return errorResponse(context, new CodedError('path-unknown', message), host.onInternal);
  });
  app.onError((error, context) => errorResponse(context, error, host.onInternal));
  return app;
}
