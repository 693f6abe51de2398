/** Sends guests' outbound requests from the serving thread and maps what goes wrong to wasi:http error codes. */
import http from 'node:http';
import https from 'node:https';
import type { OutboundPolicy } from './outbound-policy.ts';
import type { FieldEntry } from './wasi/fields.ts';
import type { ErrorCodeCase, OutboundAnswer, OutboundRequest } from './wasi/http-outgoing.ts';

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
  ERR_INVALID_URL: { tag: 'HTTP-request-URI-invalid' },
  HPE_INVALID_CONSTANT: { tag: 'HTTP-protocol-error' },
  HPE_HEADER_OVERFLOW: { tag: 'HTTP-response-header-section-size', val: undefined },
};

function toErrorCode(error: Error & { readonly code?: string }): ErrorCodeCase {
  const code = error.code ?? '';
  if (BY_NODE_CODE[code]) return BY_NODE_CODE[code];
  if (/^(CERT_|DEPTH_|UNABLE_TO_|SELF_SIGNED|ERR_TLS_CERT)/.test(code))
    return { tag: 'TLS-certificate-error' };
  if (code.startsWith('HPE_')) return { tag: 'HTTP-protocol-error' };
  return { tag: 'internal-error', val: error.message };
}

const failed = (error: ErrorCodeCase): OutboundAnswer => ({ tag: 'err', error });

function toUrl({ scheme, authority, pathWithQuery }: OutboundRequest): URL | undefined {
  return (
    URL.parse(`${scheme}://${authority}${pathWithQuery.startsWith('/') ? '' : '/'}${pathWithQuery}`) ??
    undefined
  );
}

/** Header lists as node takes them: duplicates stay duplicates. */
function flatHeaders(headers: readonly FieldEntry[]): string[] {
  return headers.flatMap(([name, value]) => [name, Buffer.from(value).toString('latin1')]);
}

function receivedHeaders(raw: readonly string[]): FieldEntry[] {
  const entries: FieldEntry[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    entries.push([raw[index] as string, Buffer.from(raw[index + 1] as string, 'latin1')]);
  }
  return entries;
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
  response.on('end', () => {
    const headers = receivedHeaders(response.rawHeaders);
    settle({
      tag: 'ok',
      status: response.statusCode ?? 0,
      headers,
      body: new Uint8Array(Buffer.concat(chunks)),
    });
  });
}

/**
 * Sends one request. Never throws: what fails is an answer with a wasi:http error code.
 * @param signal ends it when nobody waits for the answer any more.
 */
export function sendOutbound(
  request: OutboundRequest,
  options: { readonly policy: OutboundPolicy; readonly limits: OutboundLimits; readonly signal: AbortSignal },
): Promise<OutboundAnswer> {
  const url = toUrl(request);
  if (!url?.hostname) return Promise.resolve(failed({ tag: 'HTTP-request-URI-invalid' }));
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  if (!options.policy.allows(url.hostname, port))
    return Promise.resolve(failed({ tag: 'HTTP-request-denied' }));
  const { timeoutMs, responseBytesMax } = options.limits;
  return new Promise((resolve) => {
    const headers = flatHeaders(request.headers);
    headers.push('host', url.host);
    if (
      request.body.length > 0 &&
      !request.headers.some(([name]) => name.toLowerCase() === 'content-length')
    ) {
      headers.push('content-length', String(request.body.length));
    }
    const { request: open } = url.protocol === 'https:' ? https : http;
    const sent = open(url, { method: request.method, headers, signal: options.signal });
    const fail = (error: ErrorCodeCase) => {
      resolve(failed(error));
      sent.destroy();
    };
    const connecting = setTimeout(
      () => fail({ tag: 'connection-timeout' }),
      request.connectTimeoutMs ?? timeoutMs,
    );
    const waiting = setTimeout(
      () => fail({ tag: 'HTTP-response-timeout' }),
      request.firstByteTimeoutMs ?? timeoutMs,
    );
    sent.setTimeout(request.betweenBytesTimeoutMs ?? timeoutMs, () =>
      fail({ tag: 'connection-read-timeout' }),
    );
    sent.on('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => clearTimeout(connecting));
      else clearTimeout(connecting);
    });
    sent.on('response', (response) => {
      clearTimeout(waiting);
      collect(response, responseBytesMax, resolve);
    });
    sent.on('error', (error) => fail(toErrorCode(error)));
    sent.on('close', () => {
      clearTimeout(connecting);
      clearTimeout(waiting);
    });
    sent.end(request.body);
  });
}
