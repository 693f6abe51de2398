// The response that a guest gives back, and the one order in which it may reach the host. Must not know requests.

import { writeBody } from './body';
import { Headers, makeFields } from './headers';
import { BodyWriter } from './stream';
import { bytesAt, decimal, textBytes } from './text';
import { answer, newResponse, responseBody, setOutparam, setStatus } from './wasi';

/** An outgoing HTTP response. The host refuses a status or a header that HTTP does not allow: the guest then traps. */
export class Response {
  /** The header fields; `headers.append` adds a second one of the same name. */
  readonly headers: Headers = new Headers();
  private writer: BodyWriter | null = null;

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

  /** Sends the head now, as it is, and gives what writes the body piece by piece; `body` is then not sent. */
  stream(): BodyWriter {
    let writer = this.writer;
    if (!writer) this.writer = writer = new BodyWriter(sendHead(this));
    return writer;
  }

  /** Hands what is not yet sent to the host. For the entry alone. */
  send(): void {
    const writer = this.writer;
    if (writer) writer.finish();
    else writeBody(sendHead(this), this.body);
  }
}

let outparam: i32 = 0;

/** Keeps the place where the response's head goes. For the entry alone, before the guest's `handle`. */
export function expectResponse(place: i32): void {
  outparam = place;
}

/** Hands the head to the host before any of the body, so that the host can send it; gives the body's resource. */
function sendHead(response: Response): i32 {
  const fields = makeFields(response.headers);
  if (fields < 0) throw new Error('the host refuses a header of the response');
  const resource = newResponse(fields);
  // What a new one has by itself.
  if (response.status !== 200 && (response.status & ~0xffff || setStatus(resource, response.status))) {
    throw new Error('the host refuses the response status ' + decimal(response.status));
  }
  responseBody(resource, answer);
  const body = load<i32>(answer, 4);
  setOutparam(outparam, 0, resource, 0, 0, 0, 0, 0, 0);
  return body;
}
