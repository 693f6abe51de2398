// The WASI 0.2 functions that the SDK calls, as core functions of the canonical ABI, and the cell they answer into.
// Compiled by AssemblyScript; a guest imports only those that its code reaches. Must not know requests or responses.

/** Where the host writes an answer that does not fit a core result; 56 bytes is the largest (a future's get). */
export const answer: usize = memory.data(56, 8);

// @ts-expect-error: decorator
@external('cm32p2|wasi:cli/stderr@0.2', 'get-stderr')
export declare function getStderr(): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/error@0.2', 'error_drop')
export declare function dropError(error: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/poll@0.2', '[method]pollable.block')
export declare function block(pollable: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/poll@0.2', 'pollable_drop')
export declare function dropPollable(pollable: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/streams@0.2', '[method]input-stream.blocking-read')
export declare function read(stream: i32, lengthBytes: u64, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/streams@0.2', 'input-stream_drop')
export declare function dropInput(stream: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/streams@0.2', '[method]output-stream.blocking-write-and-flush')
export declare function write(stream: i32, bytes: usize, lengthBytes: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/streams@0.2', '[method]output-stream.check-write')
export declare function checkWrite(stream: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/streams@0.2', '[method]output-stream.write')
export declare function writePermitted(stream: i32, bytes: usize, lengthBytes: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/streams@0.2', '[method]output-stream.flush')
export declare function flush(stream: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/streams@0.2', '[method]output-stream.subscribe')
export declare function subscribeOutput(stream: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:io/streams@0.2', 'output-stream_drop')
export declare function dropOutput(stream: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', 'http-error-code')
export declare function httpErrorCode(error: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[static]fields.from-list')
export declare function fieldsFromList(entries: usize, count: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]fields.entries')
export declare function fieldsEntries(fields: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', 'fields_drop')
export declare function dropFields(fields: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]incoming-request.method')
export declare function requestMethod(request: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]incoming-request.path-with-query')
export declare function requestPath(request: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]incoming-request.headers')
export declare function requestHeaders(request: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]incoming-request.consume')
export declare function requestConsume(request: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', 'incoming-request_drop')
export declare function dropRequest(request: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]incoming-body.stream')
export declare function incomingStream(body: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', 'incoming-body_drop')
export declare function dropIncomingBody(body: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[constructor]outgoing-response')
export declare function newResponse(fields: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]outgoing-response.set-status-code')
export declare function setStatus(response: i32, status: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]outgoing-response.body')
export declare function responseBody(response: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[static]response-outparam.set')
export declare function setOutparam(
  outparam: i32,
  isError: i32,
  response: i32,
  e1: i32,
  e2: i64,
  e3: i32,
  e4: i32,
  e5: i32,
  e6: i32,
): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]outgoing-body.write')
export declare function outgoingStream(body: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[static]outgoing-body.finish')
export declare function finishBody(body: i32, hasTrailers: i32, trailers: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', 'outgoing-body_drop')
export declare function dropOutgoingBody(body: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[constructor]outgoing-request')
export declare function newRequest(fields: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]outgoing-request.set-method')
export declare function setMethod(request: i32, method: i32, other: usize, otherBytes: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]outgoing-request.set-scheme')
export declare function setScheme(request: i32, some: i32, scheme: i32, other: usize, otherBytes: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]outgoing-request.set-authority')
export declare function setAuthority(request: i32, some: i32, text: usize, textBytes: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]outgoing-request.set-path-with-query')
export declare function setPath(request: i32, some: i32, text: usize, textBytes: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]outgoing-request.body')
export declare function outgoingRequestBody(request: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', 'outgoing-request_drop')
export declare function dropOutgoingRequest(request: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/outgoing-handler@0.2', 'handle')
export declare function send(request: i32, hasOptions: i32, options: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]future-incoming-response.subscribe')
export declare function subscribe(future: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]future-incoming-response.get')
export declare function futureGet(future: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', 'future-incoming-response_drop')
export declare function dropFuture(future: i32): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]incoming-response.status')
export declare function responseStatus(response: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]incoming-response.headers')
export declare function responseHeaders(response: i32): i32;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', '[method]incoming-response.consume')
export declare function responseConsume(response: i32, answer: usize): void;

// @ts-expect-error: decorator
@external('cm32p2|wasi:http/types@0.2', 'incoming-response_drop')
export declare function dropResponse(response: i32): void;
