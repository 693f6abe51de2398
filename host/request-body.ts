/** Reads a request's body whole, under a limit, or reads past it. Must not know what the body is for. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CodedError } from '../metering/errors.ts';

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** HTTP/1.0 knows no informational responses (RFC 9110, 10.1.1). */
export const isContinueExpected = ({ headers, httpVersion }: IncomingMessage): boolean =>
  headers.expect !== undefined && httpVersion !== '1.0';

/**
 * @param what names the body in the message, for example `a request body`.
 * @throws CodedError with `code` when it is larger than `bytesMax`, `client-closed` when it ends too early. The rest
 * of the body is then still to come: answer, and call `discardRest`.
 */
export async function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  bytesMax: number,
  code: 'request-too-large' | 'component-too-large',
  what: string,
): Promise<Uint8Array> {
  const tooLarge = (got: string) =>
    new CodedError(code, `expected ${what} of at most ${bytesMax} bytes, got ${got}`);
  const declared = Number(incoming.headers['content-length'] ?? 0);
  if (declared > bytesMax) throw tooLarge(`${declared}`);
  if (!hasBody(incoming)) return new Uint8Array();
  if (isContinueExpected(incoming)) outgoing.writeContinue();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    // Kept open on the way out: destroying the request would take the connection, and the answer with it.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Uint8Array).length;
      if (bytes > bytesMax) throw tooLarge('more');
      chunks.push(chunk as Uint8Array);
    }
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    throw new CodedError(
      'client-closed',
      `expected a whole request body, got ${bytes} bytes before it broke off`,
    );
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** How much a client may go on sending after it was refused, and for how long. */
const DISCARD_BYTES_MAX = 256 * 1_048_576;
const DISCARD_MS_MAX = 5_000;

/**
 * Reads on what a refused client still sends: many look for the answer only when they have sent everything, and
 * closing at once would reset the connection before that. A client that does not end is cut off.
 */
export function discardRest(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.destroyed) {
    incoming.resume();
    return;
  }
  let bytes = 0;
  const timer = setTimeout(() => incoming.destroy(), DISCARD_MS_MAX);
  timer.unref();
  incoming.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > DISCARD_BYTES_MAX) incoming.destroy();
  });
  incoming.on('error', () => undefined);
  incoming.once('end', () => clearTimeout(timer));
  incoming.once('close', () => clearTimeout(timer));
  incoming.resume();
}
