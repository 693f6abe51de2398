// The request that a guest answers. Each part is fetched from the host when the guest first asks for it, so that a
// guest imports and pays for no more than it uses. Must not know responses.

import { readBody } from './body';
import { Headers, takeHeaders } from './headers';
import { queryValues } from './query';
import { BodyReader } from './stream';
import { decodeUtf8 } from './text';
import { answer, dropRequest, requestConsume, requestHeaders, requestMethod, requestPath } from './wasi';

/** An incoming HTTP request; all of it can be read any number of times, but its body by `stream` only once. */
export class Request {
  private heldHeaders: Headers | null = null;
  private heldBody: Uint8Array | null = null;

  /** Made by the entry alone, which owns the resource; guests receive a request and never make one. */
  constructor(private resource: i32) {}

  /** The method in the case it came in, as `GET`. */
  get method(): string {
    requestMethod(this.resource, answer);
    switch (load<u8>(answer)) {
      case 0:
        return 'GET';
      case 1:
        return 'HEAD';
      case 2:
        return 'POST';
      case 3:
        return 'PUT';
      case 4:
        return 'DELETE';
      case 5:
        return 'CONNECT';
      case 6:
        return 'OPTIONS';
      case 7:
        return 'TRACE';
      case 8:
        return 'PATCH';
      default:
        return decodeUtf8(load<usize>(answer, 4), load<i32>(answer, 8));
    }
  }

  /** The path with its query, as it came: `/a%20b?c=1`. Never empty: `/` when the host gives none. */
  get path(): string {
    requestPath(this.resource, answer);
    const path = load<u8>(answer) ? decodeUtf8(load<usize>(answer, 4), load<i32>(answer, 8)) : '';
    return path.length ? path : '/';
  }

  /** The path without its query, still percent-encoded: `/a%20b`. */
  get pathname(): string {
    const path = this.path;
    const mark = path.indexOf('?');
    return mark < 0 ? path : path.substring(0, mark);
  }

  /** The first value of a query parameter, decoded, or null when the name does not occur. */
  query(name: string): string | null {
    const values = this.queryAll(name);
    return values.length ? values[0] : null;
  }

  /** All values of a query parameter in order, decoded; empty when the name does not occur. */
  queryAll(name: string): string[] {
    const path = this.path;
    const mark = path.indexOf('?');
    return mark < 0 ? [] : queryValues(path.substring(mark + 1), name);
  }

  /** The header fields. */
  get headers(): Headers {
    let headers = this.heldHeaders;
    if (!headers) this.heldHeaders = headers = takeHeaders(requestHeaders(this.resource));
    return headers;
  }

  /** The whole body; empty when there is none. Traps when the client stops half way. */
  get body(): Uint8Array {
    let bytes = this.heldBody;
    if (!bytes) this.heldBody = bytes = this.readBody();
    return bytes;
  }

  /** The whole body as text; bytes that are not UTF-8 read as U+FFFD. */
  text(): string {
    const bytes = this.body;
    return decodeUtf8(bytes.dataStart, bytes.length);
  }

  /** The body piece by piece, instead of `body` and `text`. */
  stream(): BodyReader {
    return new BodyReader(this.consumed());
  }

  /** Gives the resource back to the host. For the entry alone, after the guest's `handle`. */
  drop(): void {
    dropRequest(this.resource);
  }

  private readBody(): Uint8Array {
    const read = readBody(this.consumed());
    if (read.error >= 0) throw new Error('the request body ended before it was complete');
    return read.bytes;
  }

  private consumed(): i32 {
    requestConsume(this.resource, answer);
    if (load<u8>(answer)) throw new Error('the request body was read before');
    return load<i32>(answer, 4);
  }
}
