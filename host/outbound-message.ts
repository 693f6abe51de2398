/** A guest's request as it is put on the wire: where it goes, its target, and how its body is framed. Sends nothing. */
import type { OutboundHead } from './wasi/execution-port.ts';
import type { WireHeaders } from './wasi/fields.ts';

/** Methods whose requests say nothing of a body where there is none (RFC 9110, 8.6 and 9.3). */
const WITHOUT_BODY = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** Headers that say how the message is sent, which is the host's to say; two lengths would be two messages. */
const SENT_BY_HOST = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'transfer-encoding',
  'upgrade',
]);
/** What a trailer must not say besides (RFC 9110, 6.5.1). */
const NEVER_TRAILERS = new Set([...SENT_BY_HOST, 'trailer']);

/** An authority is a host and perhaps a port: what else a URL takes for one is there to mislead. */
export function urlOf({ scheme, authority }: OutboundHead): URL | undefined {
  if (/[@\\]/.test(authority)) return undefined;
  return URL.parse(`${scheme}://${authority}/`) ?? undefined;
}

/** As the guest wrote it, which a URL would normalize; a fragment is not for the server. */
export function targetOf({ pathWithQuery }: OutboundHead): string {
  const path = pathWithQuery.split('#', 1)[0] as string;
  return path.startsWith('/') ? path : `/${path}`;
}

/**
 * Length of the body that the message declares: what is known of it goes before what the guest says of it.
 * @returns undefined for a body that is sent in chunks, because nobody knows.
 */
export function declaredBytes({ headers, bodyBytes }: OutboundHead): number | undefined {
  if (bodyBytes !== undefined) return bodyBytes;
  const at = headers.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === 'content-length');
  const text = headers[at + 1] as string;
  return at >= 0 && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function without(wire: WireHeaders, names: ReadonlySet<string>): string[] {
  const nameAt = (index: number) => wire[index - (index % 2)] as string;
  return wire.filter((_text, index) => !names.has(nameAt(index).toLowerCase()));
}

/** Header lists as node takes them: duplicates stay duplicates. */
export function sentHeaders(head: OutboundHead, host: string): string[] {
  const flat = without(head.headers, SENT_BY_HOST);
  flat.push('host', host);
  const bytes = declaredBytes(head);
  if (bytes === undefined) flat.push('transfer-encoding', 'chunked');
  else if (bytes > 0 || !WITHOUT_BODY.has(head.method)) flat.push('content-length', String(bytes));
  // Only chunks have trailers after them that could be announced.
  return bytes === undefined ? flat : without(flat, new Set(['trailer']));
}

/** Trailers as node takes them, without those that would frame the message anew. */
export function sentTrailers(trailers: WireHeaders): [name: string, value: string][] {
  const flat = without(trailers, NEVER_TRAILERS);
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] as string]] : []));
}
