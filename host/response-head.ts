/** The headers that leave with a guest's response: its own, and what the host says of the message itself. */
import type { IncomingMessage } from 'node:http';
import { isBodiless } from './wasi/bodiless.ts';
import type { ResponseHead } from './wasi/execution-port.ts';
import type { WireHeaders } from './wasi/fields.ts';

/** What of a request its response's head depends on. */
export type Asked = Pick<IncomingMessage, 'method' | 'httpVersion'>;

/**
 * @param bodyBytes the length of the body; undefined while it is not known.
 * @returns names and values in turn.
 */
export function sentHeaders(
  { method = 'GET', httpVersion }: Asked,
  { status, headers }: ResponseHead,
  bodyBytes: number | undefined,
  executionId: number,
): string[] {
  const length = lengthOf(method, status, declaredIn(headers), bodyBytes);
  // Trailers come behind the last chunk: Node refuses to announce any where there are no chunks.
  const isChunked = length === undefined && !isBodiless(method, status) && httpVersion !== '1.0';
  const flat: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] as string;
    const key = name.toLowerCase();
    if (key === 'content-length' || key === 'x-ebb-execution' || (key === 'trailer' && !isChunked)) continue;
    flat.push(name, headers[index + 1] as string);
  }
  if (length !== undefined) flat.push('content-length', length);
  flat.push('x-ebb-execution', String(executionId));
  return flat;
}

/** The guest's own content-length: the first one, to which the host holds its body. */
function declaredIn(headers: WireHeaders): string | undefined {
  const at = headers.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === 'content-length');
  const declared = headers[at + 1] as string;
  return at >= 0 && /^\d{1,15}$/.test(declared) ? declared : undefined;
}

/** What content-length says; undefined where it is not to be sent (RFC 9110, 8.6 and 15.3.6). */
function lengthOf(
  method: string,
  status: number,
  declared: string | undefined,
  bodyBytes: number | undefined,
): string | undefined {
  if (status === 205) return '0';
  if (status === 204) return undefined;
  if (status === 304) return declared;
  if (isBodiless(method, status))
    return declared ?? (bodyBytes === undefined ? undefined : String(bodyBytes));
  return bodyBytes === undefined ? declared : String(bodyBytes);
}
