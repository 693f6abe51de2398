/** Responses that HTTP sends without a body, and what is left of their headers. */
import type { ResponseHead } from './execution-port.ts';
import type { WireHeaders } from './fields.ts';

/** Statuses whose responses never have a body (RFC 9110, 6.4.1, and 15.3.6 for 205). */
const BODILESS_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

export const isBodiless = (method: string, status: number): boolean =>
  method === 'HEAD' || BODILESS_STATUSES.has(status);

/** Whether the name at this index is content-length's. */
const isLength = (headers: WireHeaders, index: number): boolean =>
  headers[index]?.toLowerCase() === 'content-length';

/**
 * A response's head as it leaves: where HTTP sends no body, with the length that the body would have had where HTTP
 * may still say it.
 * @param bodyBytes what the guest wrote as its body; undefined while that is not known.
 */
export function asSent(method: string, head: ResponseHead, bodyBytes: number | undefined): ResponseHead {
  const { status, headers } = head;
  if (!isBodiless(method, status)) return head;
  const others = headers.filter((_text, index) => !isLength(headers, index - (index % 2)));
  const declaredAt = headers.findIndex((_text, index) => index % 2 === 0 && isLength(headers, index));
  const withLength = (length: string): WireHeaders => [...others, 'content-length', length];
  if (status === 205) return { status, headers: withLength('0') };
  if (status === 204 || (status === 304 && declaredAt < 0)) return { status, headers: others };
  if (declaredAt >= 0) return { status, headers: withLength(headers[declaredAt + 1] as string) };
  return { status, headers: bodyBytes === undefined ? others : withLength(String(bodyBytes)) };
}
