/** Reads a request's body whole, under a limit. */
import { CodedError } from '../metering/errors.ts';

/**
 * @param what names the body in the message, for example `a request body`.
 * @throws CodedError with `code` when it is larger than `bytesMax`, `client-closed` when it ends too early.
 */
export async function readBody(
  request: Request,
  bytesMax: number,
  code: 'request-too-large' | 'component-too-large',
  what: string,
): Promise<Uint8Array> {
  const tooLarge = (got: string) =>
    new CodedError(code, `expected ${what} of at most ${bytesMax} bytes, got ${got}`);
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > bytesMax) throw tooLarge(`${declared}`);
  if (!request.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge('more');
      chunks.push(chunk);
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
