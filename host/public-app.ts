/**
 * The public listener: `/f/{name}/…` runs a function. No sockets here; listener.ts binds it. It speaks to Node's HTTP
 * server without a Request in between, which would change paths, methods and headers on their way to the guest.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { CodedError } from '../metering/errors.ts';
import { errorAnswer } from './error-response.ts';
import type { Host } from './host.ts';
import { PublicExchange } from './public-exchange.ts';
import { discardRest } from './request-body.ts';
import type { RequestHead } from './wasi/execution-port.ts';

interface Target {
  readonly name: string;
  /** What the guest sees as its path, byte for byte as it came. */
  readonly pathWithQuery: string;
  /** Given by the absolute form alone, which proxies send. */
  readonly authority: string | undefined;
}

const TARGET = /^(?:https?:\/\/([^/?#]*))?\/f\/([^/?#]+)(.*)$/s;

/** Names may come percent-encoded; what cannot be decoded is no name of a function. */
function decoded(name: string): string {
  if (!name.includes('%')) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** `/f/name/rest?query` gives `name` and `/rest?query`. @throws CodedError `path-unknown` */
function targetOf(url: string): Target {
  const [, authority, name, rest = ''] = TARGET.exec(url) ?? [];
  if (name === undefined) throw new CodedError('path-unknown', `expected a path /f/{name}/…, got ${url}`);
  return { name: decoded(name), pathWithQuery: rest.startsWith('/') ? rest : `/${rest}`, authority };
}

/** What a host and a port are made of; RFC 3986, 3.2, without user info, which has no place in HTTP. */
const AUTHORITY = /^(?:(?![/?#@\\])[\x21-\x7e])*$/;

/** HTTP/1.1 asks for one (RFC 9112, 3.2); Node's own refusal would have no body, and of two it takes the first. */
function checkHostHeader({ headers: { host }, rawHeaders, httpVersion }: IncomingMessage): void {
  if (host === undefined) {
    if (httpVersion === '1.0') return;
    throw new CodedError('request-invalid', 'expected a Host header, got none');
  }
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  if (count > 1) throw new CodedError('request-invalid', `expected one Host header, got ${count}`);
}

/** Of the target where that has one, else of the Host header; empty where there is neither. */
function authorityOf({ authority }: Target, { headers: { host = '' } }: IncomingMessage): string {
  const text = authority ?? host;
  if (AUTHORITY.test(text)) return text;
  throw new CodedError('request-invalid', `expected a host and perhaps a port, got ${text}`);
}

function sendError(outgoing: ServerResponse, thrown: unknown, onInternal: (error: unknown) => void): void {
  const { status, headers, body } = errorAnswer(thrown, onInternal);
  const text = Buffer.from(JSON.stringify(body));
  const type = { 'content-type': 'application/json', 'content-length': text.length };
  outgoing.writeHead(status, { ...headers, ...type });
  outgoing.end(text);
}

/** What the listener asks of a host. */
export type PublicHost = Pick<
  Host,
  'onInternal' | 'checkNotDraining' | 'settings' | 'nestedCalls' | 'executor'
> & {
  readonly registry: Pick<Host['registry'], 'get'>;
  readonly ledger: Pick<Host['ledger'], 'reserveId'>;
};

export function publicApp(host: PublicHost): RequestListener {
  const nextId = (): number | undefined => {
    try {
      return host.ledger.reserveId();
    } catch (thrown) {
      host.onInternal(thrown);
      return undefined;
    }
  };
  const run = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    host.checkNotDraining();
    checkHostHeader(incoming);
    const target = targetOf(incoming.url ?? '');
    const { name, pathWithQuery } = target;
    const authority = authorityOf(target, incoming);
    host.registry.get(name);
    const { requestBytesMax } = host.settings.limits(name);
    const level = host.nestedCalls.levelOf(incoming.socket);
    const request: RequestHead = {
      method: incoming.method ?? 'GET',
      pathWithQuery,
      scheme: 'http',
      authority,
      headers: incoming.rawHeaders,
    };
    const exchange = new PublicExchange(incoming, outgoing, { request, requestBytesMax, nextId });
    const ready = exchange.ready();
    if (ready) await ready;
    exchange.complete(await host.executor.execute(name, exchange, { signal: exchange.signal, level }));
    if (!incoming.complete) discardRest(incoming);
  };
  return (incoming, outgoing) => {
    run(incoming, outgoing).catch((thrown) => {
      if (outgoing.headersSent) {
        if (!(thrown instanceof CodedError)) host.onInternal(thrown);
        outgoing.destroy();
        return;
      }
      sendError(outgoing, thrown, host.onInternal);
      discardRest(incoming);
    });
  };
}
