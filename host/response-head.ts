/** The headers that leave with a guest's response: its own, and what the host says of the message itself. */
import { isBodiless } from './wasi/bodiless.ts';
import type { ResponseHead } from './wasi/execution-port.ts';

/**
 * @param bodyBytes the length of the body; undefined while it is not known.
 * @returns names and values in turn.
 */
export function sentHeaders(
  method: string | undefined,
  { status, headers }: ResponseHead,
  bodyBytes: number | undefined,
  executionId: number,
): string[] {
  const flat: string[] = [];
  let declared: string | undefined;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] as string;
    const key = name.toLowerCase();
    if (key === 'content-length') declared = headers[index + 1];
    else if (key !== 'x-ebb-execution' && (key !== 'trailer' || bodyBytes === undefined))
      flat.push(name, headers[index + 1] as string);
  }
  const length = lengthOf(method ?? 'GET', status, declared, bodyBytes);
  if (length !== undefined) flat.push('content-length', length);
  flat.push('x-ebb-execution', String(executionId));
  return flat;
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
