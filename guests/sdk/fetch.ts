// Outbound HTTP: a request to another server and its whole answer, or the name of what went wrong. Owns the order in
// which the host's resources are used and dropped; must not know the request that the guest is answering.

import { readBody, writeBody } from './body';
import { errorName } from './error-code';
import { Headers, makeFields, takeHeaders } from './headers';
import { bytesAt, decodeUtf8, encodeUtf8, textBytes } from './text';
import { Target } from './target';
import * as wasi from './wasi';

/** A request to another server. */
export class OutboundRequest {
  readonly headers: Headers = new Headers();
  body: Uint8Array = bytesAt(0, 0);

  /** A request to an absolute `http://` or `https://` URL. */
  constructor(
    public url: string,
    public method: string = 'GET',
  ) {}

  /** Sets a header and gives the request back, to be chained. */
  header(name: string, value: string): OutboundRequest {
    this.headers.set(name, value);
    return this;
  }

  /** Sets a text as the body and gives the request back, to be chained. */
  withText(text: string): OutboundRequest {
    this.body = textBytes(text);
    return this;
  }
}

/** What came back: a response, or the name of an error and nothing else. */
export class FetchResult {
  /** The status, from 100 to 599; 0 when there is an error. */
  status: i32 = 0;
  headers: Headers = new Headers();
  body: Uint8Array = bytesAt(0, 0);

  /** `error` is empty for a response of any status, or a WIT name such as `connection-refused`. */
  constructor(public error: string = '') {}

  /** Whether there is no response. A status of 500 is a response. */
  get failed(): bool {
    return this.error.length > 0;
  }

  /** The body as text; bytes that are not UTF-8 read as U+FFFD. */
  text(): string {
    return decodeUtf8(this.body.dataStart, this.body.length);
  }
}

/**
 * Sends a request and waits for the whole answer: `fetch('http://…')` or `fetch(new OutboundRequest(…))`. Follows no
 * redirects. Never traps for what the network, the host or a wrong URL does: the result's `error` says it.
 */
export function fetch<T>(what: T): FetchResult {
  // AssemblyScript has no union types; the branch that does not fit is not compiled.
  if (isString<T>()) return exchange(new OutboundRequest(what as string));
  if (what instanceof OutboundRequest) return exchange(what);
  ERROR('expected fetch(url: string) or fetch(request: OutboundRequest)');
}

function exchange(request: OutboundRequest): FetchResult {
  const target = Target.parse(request.url);
  if (!target) return new FetchResult('HTTP-request-URI-invalid');
  const fields = makeFields(request.headers);
  if (fields < 0) return new FetchResult(headerErrorName(load<u8>(wasi.answer, 4)));
  const resource = wasi.newRequest(fields);
  const refused = address(resource, target, request.method);
  if (refused.length) {
    wasi.dropOutgoingRequest(resource);
    return new FetchResult(refused);
  }
  wasi.outgoingRequestBody(resource, wasi.answer);
  const body = load<i32>(wasi.answer, 4);
  wasi.send(resource, 0, 0, wasi.answer);
  if (load<u8>(wasi.answer)) {
    const error = errorName(wasi.answer + 8);
    wasi.dropOutgoingBody(body);
    return new FetchResult(error);
  }
  const future = load<i32>(wasi.answer, 8);
  // Only after the request is on its way does the host read what is written here.
  writeBody(body, request.body);
  return awaitResponse(future);
}

function awaitResponse(future: i32): FetchResult {
  const pollable = wasi.subscribe(future);
  wasi.block(pollable);
  wasi.dropPollable(pollable);
  wasi.futureGet(future, wasi.answer);
  // option<result<result<response, error-code>>>: each level starts 8 bytes after its tag.
  if (!load<u8>(wasi.answer) || load<u8>(wasi.answer, 8)) throw new Error('the host gave no answer to a fetch');
  const result = new FetchResult(load<u8>(wasi.answer, 16) ? errorName(wasi.answer + 24) : '');
  const response = load<i32>(wasi.answer, 24);
  wasi.dropFuture(future);
  if (result.failed) return result;
  result.status = wasi.responseStatus(response);
  result.headers = takeHeaders(wasi.responseHeaders(response));
  wasi.responseConsume(response, wasi.answer);
  const read = readBody(load<i32>(wasi.answer, 4));
  wasi.dropResponse(response);
  if (read.error >= 0) return new FetchResult(streamErrorName(read.error));
  result.body = read.bytes;
  return result;
}

/** Sets method, scheme, authority and path; gives the name of the error that the host's refusal stands for. */
function address(resource: i32, target: Target, method: string): string {
  const verb = encodeUtf8(method);
  const known = METHODS.indexOf(method);
  const tag = known < 0 ? 9 : known;
  if (wasi.setMethod(resource, tag, changetype<usize>(verb), verb.byteLength)) {
    return 'HTTP-request-method-invalid';
  }
  const authority = encodeUtf8(target.authority);
  const path = encodeUtf8(target.path);
  if (
    wasi.setScheme(resource, 1, target.secure ? 1 : 0, 0, 0) ||
    wasi.setAuthority(resource, 1, changetype<usize>(authority), authority.byteLength) ||
    wasi.setPath(resource, 1, changetype<usize>(path), path.byteLength)
  ) {
    return 'HTTP-request-URI-invalid';
  }
  return '';
}

// In the order of wasi:http's method variant; 9 is other(string). Lazy, lest guests that fetch nothing carry it.
// @ts-ignore: decorator
@lazy const METHODS: string[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];

function headerErrorName(code: i32): string {
  if (code == 0) return 'invalid-syntax';
  return code == 1 ? 'forbidden' : 'immutable';
}

/** The error-code behind a stream's error, which it then drops. */
function streamErrorName(error: i32): string {
  wasi.httpErrorCode(error, wasi.answer);
  const name = load<u8>(wasi.answer) ? errorName(wasi.answer + 8) : 'HTTP-response-incomplete';
  wasi.dropError(error);
  return name;
}
