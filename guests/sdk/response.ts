// The response that a guest gives back, and the one order in which it may reach the host. Must not know requests.

import { writeBody } from './body';
import { Headers, makeFields } from './headers';
import { bytesAt, decimal, textBytes } from './text';
import { answer, newResponse, responseBody, setOutparam, setStatus } from './wasi';

/** An outgoing HTTP response. The host refuses a status or a header that HTTP does not allow: the guest then traps. */
export class Response {
  /** The header fields; `headers.append` adds a second one of the same name. */
  readonly headers: Headers = new Headers();

  /** A response of bytes, without any header. */
  constructor(
    public status: i32,
    public body: Uint8Array,
  ) {}

  /** A response of text as `text/plain; charset=utf-8`. */
  static text(text: string, status: i32 = 200): Response {
    return Response.bytes(textBytes(text), 'text/plain; charset=utf-8', status);
  }

  /** A response of bytes with their content type. */
  static bytes(body: Uint8Array, contentType: string, status: i32 = 200): Response {
    const response = new Response(status, body);
    response.headers.append('content-type', contentType);
    return response;
  }

  /** A response without a body, as 204 and redirects have. */
  static empty(status: i32): Response {
    return new Response(status, bytesAt(0, 0));
  }

  /** Sets a header and gives the response back, to be chained. */
  header(name: string, value: string): Response {
    this.headers.set(name, value);
    return this;
  }
}

/** Hands a response to the host: head first, so that the host can send it, then the body. For the entry alone. */
export function sendResponse(response: Response, outparam: i32): void {
  const fields = makeFields(response.headers);
  if (fields < 0) throw new Error('the host refuses a header of the response');
  const resource = newResponse(fields);
  if (response.status & ~0xffff || setStatus(resource, response.status)) {
    throw new Error('the host refuses the response status ' + decimal(response.status));
  }
  responseBody(resource, answer);
  const body = load<i32>(answer, 4);
  setOutparam(outparam, 0, resource, 0, 0, 0, 0, 0, 0);
  writeBody(body, response.body);
}
