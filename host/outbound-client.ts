/** Sends guests' outbound requests from the serving thread and maps what goes wrong to wasi:http error codes. */
import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import { type OutboundAccess, PROHIBITED } from './outbound-access.ts';
import { destinationOf } from './outbound-policy.ts';
import type { Destination } from './outbound-rules.ts';
import type { ErrorCodeCase } from './wasi/http-bodies.ts';
import type { OutboundAnswer, OutboundRequest } from './wasi/http-outgoing.ts';

export interface OutboundLimits {
  readonly responseBytesMax: number;
  /** Used where the guest sets no timeout of its own. */
  readonly timeoutMs: number;
}

const BY_NODE_CODE: Readonly<Record<string, ErrorCodeCase>> = {
  ECONNREFUSED: { tag: 'connection-refused' },
  ECONNRESET: { tag: 'connection-terminated' },
  EPIPE: { tag: 'connection-terminated' },
  ETIMEDOUT: { tag: 'connection-timeout' },
  EHOSTUNREACH: { tag: 'destination-unavailable' },
  ENETUNREACH: { tag: 'destination-unavailable' },
  ENOTFOUND: { tag: 'DNS-error', val: { rcode: 'NXDOMAIN', infoCode: undefined } },
  EAI_AGAIN: { tag: 'DNS-timeout' },
  [PROHIBITED]: { tag: 'destination-IP-prohibited' },
  ERR_INVALID_URL: { tag: 'HTTP-request-URI-invalid' },
  HPE_INVALID_CONSTANT: { tag: 'HTTP-protocol-error' },
  HPE_HEADER_OVERFLOW: { tag: 'HTTP-response-header-section-size', val: undefined },
};

function toErrorCode(error: Error & { readonly code?: string }): ErrorCodeCase {
  const code = error.code ?? '';
  if (BY_NODE_CODE[code]) return BY_NODE_CODE[code];
  if (/^(CERT_|DEPTH_|UNABLE_TO_|SELF_SIGNED|ERR_TLS_CERT)/.test(code))
    return { tag: 'TLS-certificate-error' };
  if (code.startsWith('EAI_') || code === 'ENODATA')
    return { tag: 'DNS-error', val: { rcode: undefined, infoCode: undefined } };
  if (code.startsWith('HPE_')) return { tag: 'HTTP-protocol-error' };
  return { tag: 'internal-error', val: error.message };
}

const failed = (error: ErrorCodeCase): OutboundAnswer => ({ tag: 'err', error });

/** An authority is a host and perhaps a port: what else a URL takes for one is there to mislead. */
function toUrl({ scheme, authority }: OutboundRequest): URL | undefined {
  if (/[@\\]/.test(authority)) return undefined;
  return URL.parse(`${scheme}://${authority}/`) ?? undefined;
}

/** As the guest wrote it, which a URL would normalize; a fragment is not for the server. */
function pathOf({ pathWithQuery }: OutboundRequest): string {
  const path = pathWithQuery.split('#', 1)[0] as string;
  return path.startsWith('/') ? path : `/${path}`;
}

/** Methods whose requests say how long their body is even where there is none. */
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);
/** Headers that say how the message is sent, which is the host's to say; two lengths would be two messages. */
const SENT_BY_HOST = new Set(['content-length', 'trailer', 'expect']);

/** Header lists as node takes them: duplicates stay duplicates. */
function sentHeaders({ headers, body, method }: OutboundRequest, url: URL): string[] {
  const nameAt = (index: number) => headers[index - (index % 2)] as string;
  const flat = headers.filter((_text, index) => !SENT_BY_HOST.has(nameAt(index).toLowerCase()));
  flat.push('host', url.host);
  if (body.length > 0 || WITH_BODY.has(method)) flat.push('content-length', String(body.length));
  return flat;
}

function collect(
  response: http.IncomingMessage,
  bytesMax: number,
  settle: (answer: OutboundAnswer) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes <= bytesMax) return;
    settle(failed({ tag: 'HTTP-response-body-size', val: BigInt(bytes) }));
    response.destroy();
  });
  response.on('error', (error) => settle(failed(toErrorCode(error))));
  response.on('close', () => settle(failed({ tag: 'HTTP-response-incomplete' })));
  response.on('end', () => {
    settle({
      tag: 'ok',
      status: response.statusCode ?? 0,
      headers: response.rawHeaders,
      body: new Uint8Array(Buffer.concat(chunks)),
    });
  });
}

export interface OutboundOptions {
  readonly access: OutboundAccess;
  readonly limits: OutboundLimits;
  /** Ends the request when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Told which connection the request uses; what it gives back is called when that is over. */
  readonly onConnected: (socket: Socket) => () => void;
}

/** Watches the connection from the moment when it stands. */
function watchConnection(
  sent: http.ClientRequest,
  onConnected: OutboundOptions['onConnected'],
  mayConnect: (address: string) => boolean,
  fail: (error: ErrorCodeCase) => void,
): void {
  sent.once('socket', (socket: Socket) => {
    const connected = () => {
      // The last word, whatever way the connection was made.
      const address = socket.remoteAddress;
      if (address !== undefined && !mayConnect(address)) fail({ tag: 'destination-IP-prohibited' });
      else sent.once('close', onConnected(socket));
    };
    if (socket.connecting) socket.once('connect', connected);
    else connected();
  });
}

/** Fails the request when it takes too long to connect, to begin its response, or to go on with it. */
function limitTime(
  sent: http.ClientRequest,
  request: OutboundRequest,
  timeoutMs: number,
  fail: (error: ErrorCodeCase) => void,
): void {
  const { connectTimeoutMs, firstByteTimeoutMs, betweenBytesTimeoutMs } = request;
  const after = (ms: number | undefined, tag: string) =>
    setTimeout(() => fail({ tag }), Math.min(ms ?? timeoutMs, TIMER_MS_MAX));
  const connecting = after(connectTimeoutMs, 'connection-timeout');
  const waiting = after(firstByteTimeoutMs, 'HTTP-response-timeout');
  const betweenMs = Math.min(betweenBytesTimeoutMs ?? timeoutMs, TIMER_MS_MAX);
  sent.setTimeout(betweenMs, () => fail({ tag: 'connection-read-timeout' }));
  sent.once('socket', (socket) => {
    if (socket.connecting) socket.once('connect', () => clearTimeout(connecting));
    else clearTimeout(connecting);
  });
  sent.once('response', () => clearTimeout(waiting));
  sent.once('close', () => {
    clearTimeout(connecting);
    clearTimeout(waiting);
  });
}

/** Node's timers take no more; they would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Sends one request. Never throws: what fails is an answer with a wasi:http error code.
 */
export async function sendOutbound(
  request: OutboundRequest,
  options: OutboundOptions,
): Promise<OutboundAnswer> {
  const url = toUrl(request);
  const destination = url && destinationOf(url);
  if (!destination) return failed({ tag: 'HTTP-request-URI-invalid' });
  const { policy } = options.access;
  if (!policy.allows(destination)) return failed({ tag: 'HTTP-request-denied' });
  const { host } = destination;
  // Node resolves names only, so an address has to be looked at here.
  if (isIP(host) !== 0 && !policy.mayConnect(destination, host))
    return failed({ tag: 'destination-IP-prohibited' });
  try {
    return await exchange(request, url, destination, options);
  } catch (thrown) {
    return failed(toErrorCode(thrown instanceof Error ? thrown : new Error(String(thrown))));
  }
}

function exchange(
  request: OutboundRequest,
  url: URL,
  destination: Destination,
  { access, limits, signal, onConnected }: OutboundOptions,
): Promise<OutboundAnswer> {
  return new Promise((resolve) => {
    const { request: open } = url.protocol === 'https:' ? https : http;
    const { method } = request;
    const path = pathOf(request);
    const connection = { agent: access.agentFor(destination), lookup: access.lookupFor(destination) };
    const sent = open(url, { method, path, headers: sentHeaders(request, url), signal, ...connection });
    const fail = (error: ErrorCodeCase) => {
      resolve(failed(error));
      sent.destroy();
    };
    const mayConnect = (address: string) => access.policy.mayConnect(destination, address);
    watchConnection(sent, onConnected, mayConnect, fail);
    limitTime(sent, request, limits.timeoutMs, fail);
    // Where a response never comes as one: an upgrade, or a tunnel that nobody asked for.
    const onClose = () => resolve(failed({ tag: 'HTTP-protocol-error' }));
    sent.on('response', (response) => {
      sent.off('close', onClose);
      collect(response, limits.responseBytesMax, resolve);
    });
    sent.on('error', (error) => fail(toErrorCode(error)));
    sent.on('close', onClose);
    sent.end(request.body);
  });
}
