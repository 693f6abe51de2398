/** Core modules in text form for linking tests: a guest that answers, with room for what a test wants it to do. */

const TYPES = 'wasi:http/types@0.2.12';
const STREAMS = 'wasi:io/streams@0.2.12';

/** Imports by their short name here: WASI name and core signature. */
const IMPORTS = {
  fields: [TYPES, '[constructor]fields', '(result i32)'],
  fromList: [TYPES, '[static]fields.from-list', '(param i32 i32 i32)'],
  cloneFields: [TYPES, '[method]fields.clone', '(param i32) (result i32)'],
  append: [TYPES, '[method]fields.append', '(param i32 i32 i32 i32 i32 i32)'],
  getField: [TYPES, '[method]fields.get', '(param i32 i32 i32 i32)'],
  hasField: [TYPES, '[method]fields.has', '(param i32 i32 i32) (result i32)'],
  entries: [TYPES, '[method]fields.entries', '(param i32 i32)'],
  dropFields: [TYPES, '[resource-drop]fields', '(param i32)'],
  response: [TYPES, '[constructor]outgoing-response', '(param i32) (result i32)'],
  setStatus: [TYPES, '[method]outgoing-response.set-status-code', '(param i32 i32) (result i32)'],
  statusCode: [TYPES, '[method]outgoing-response.status-code', '(param i32) (result i32)'],
  inform: [TYPES, '[method]response-outparam.send-informational', '(param i32 i32 i32 i32)'],
  body: [TYPES, '[method]outgoing-response.body', '(param i32 i32)'],
  dropResponse: [TYPES, '[resource-drop]outgoing-response', '(param i32)'],
  write: [TYPES, '[method]outgoing-body.write', '(param i32 i32)'],
  finish: [TYPES, '[static]outgoing-body.finish', '(param i32 i32 i32 i32)'],
  dropBody: [TYPES, '[resource-drop]outgoing-body', '(param i32)'],
  set: [TYPES, '[static]response-outparam.set', '(param i32 i32 i32 i32 i64 i32 i32 i32 i32)'],
  dropOutparam: [TYPES, '[resource-drop]response-outparam', '(param i32)'],
  dropRequest: [TYPES, '[resource-drop]incoming-request', '(param i32)'],
  method: [TYPES, '[method]incoming-request.method', '(param i32 i32)'],
  path: [TYPES, '[method]incoming-request.path-with-query', '(param i32 i32)'],
  scheme: [TYPES, '[method]incoming-request.scheme', '(param i32 i32)'],
  authority: [TYPES, '[method]incoming-request.authority', '(param i32 i32)'],
  headers: [TYPES, '[method]incoming-request.headers', '(param i32) (result i32)'],
  consume: [TYPES, '[method]incoming-request.consume', '(param i32 i32)'],
  bodyStream: [TYPES, '[method]incoming-body.stream', '(param i32 i32)'],
  finishIncoming: [TYPES, '[static]incoming-body.finish', '(param i32) (result i32)'],
  dropIncoming: [TYPES, '[resource-drop]incoming-body', '(param i32)'],
  trailers: [TYPES, '[method]future-trailers.get', '(param i32 i32)'],
  trailersReady: [TYPES, '[method]future-trailers.subscribe', '(param i32) (result i32)'],
  errorCode: [TYPES, 'http-error-code', '(param i32 i32)'],
  request: [TYPES, '[constructor]outgoing-request', '(param i32) (result i32)'],
  setMethod: [TYPES, '[method]outgoing-request.set-method', '(param i32 i32 i32 i32) (result i32)'],
  setAuthority: [TYPES, '[method]outgoing-request.set-authority', '(param i32 i32 i32 i32) (result i32)'],
  setPath: [TYPES, '[method]outgoing-request.set-path-with-query', '(param i32 i32 i32 i32) (result i32)'],
  requestHeaders: [TYPES, '[method]outgoing-request.headers', '(param i32) (result i32)'],
  dropOutgoing: [TYPES, '[resource-drop]outgoing-request', '(param i32)'],
  getAuthority: [TYPES, '[method]outgoing-request.authority', '(param i32 i32)'],
  setScheme: [TYPES, '[method]outgoing-request.set-scheme', '(param i32 i32 i32 i32 i32) (result i32)'],
  requestBody: [TYPES, '[method]outgoing-request.body', '(param i32 i32)'],
  options: [TYPES, '[constructor]request-options', '(result i32)'],
  setTimeout: [TYPES, '[method]request-options.set-connect-timeout', '(param i32 i32 i64) (result i32)'],
  getTimeout: [TYPES, '[method]request-options.connect-timeout', '(param i32 i32)'],
  send: ['wasi:http/outgoing-handler@0.2.12', 'handle', '(param i32 i32 i32 i32)'],
  answer: [TYPES, '[method]future-incoming-response.get', '(param i32 i32)'],
  subscribe: [TYPES, '[method]future-incoming-response.subscribe', '(param i32) (result i32)'],
  dropFuture: [TYPES, '[resource-drop]future-incoming-response', '(param i32)'],
  consumeAnswer: [TYPES, '[method]incoming-response.consume', '(param i32 i32)'],
  readAll: [STREAMS, '[method]input-stream.blocking-read', '(param i32 i64 i32)'],
  read: [STREAMS, '[method]input-stream.read', '(param i32 i64 i32)'],
  skip: [STREAMS, '[method]input-stream.skip', '(param i32 i64 i32)'],
  dropInput: [STREAMS, '[resource-drop]input-stream', '(param i32)'],
  say: [STREAMS, '[method]output-stream.blocking-write-and-flush', '(param i32 i32 i32 i32)'],
  put: [STREAMS, '[method]output-stream.write', '(param i32 i32 i32 i32)'],
  flush: [STREAMS, '[method]output-stream.flush', '(param i32 i32)'],
  flushAll: [STREAMS, '[method]output-stream.blocking-flush', '(param i32 i32)'],
  outputReady: [STREAMS, '[method]output-stream.subscribe', '(param i32) (result i32)'],
  pass: [STREAMS, '[method]output-stream.blocking-splice', '(param i32 i32 i64 i32)'],
  checkWrite: [STREAMS, '[method]output-stream.check-write', '(param i32 i32)'],
  splice: [STREAMS, '[method]output-stream.splice', '(param i32 i32 i64 i32)'],
  dropOutput: [STREAMS, '[resource-drop]output-stream', '(param i32)'],
  stderr: ['wasi:cli/stderr@0.2.12', 'get-stderr', '(result i32)'],
  poll: ['wasi:io/poll@0.2.12', 'poll', '(param i32 i32 i32)'],
  block: ['wasi:io/poll@0.2.12', '[method]pollable.block', '(param i32)'],
  ready: ['wasi:io/poll@0.2.12', '[method]pollable.ready', '(param i32) (result i32)'],
  timer: ['wasi:clocks/monotonic-clock@0.2.12', 'subscribe-duration', '(param i64) (result i32)'],
  now: ['wasi:clocks/monotonic-clock@0.2.12', 'now', '(result i64)'],
  wallNow: ['wasi:clocks/wall-clock@0.2.12', 'now', '(param i32)'],
  randomBytes: ['wasi:random/random@0.2.12', 'get-random-bytes', '(param i64 i32)'],
  randomU64: ['wasi:random/random@0.2.12', 'get-random-u64', '(result i64)'],
  exit: ['wasi:cli/exit@0.2.12', 'exit', '(param i32)'],
} as const;

const REALLOC = `
  (global $top (mut i32) (i32.const 4096))
  (func $realloc (export "cabi_realloc") (param $old i32) (param $oldBytes i32) (param $align i32) (param $bytes i32)
    (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
    (global.set $top (i32.add (local.get $at) (local.get $bytes)))
    (block $done
      (br_if $done (i32.le_u (global.get $top) (i32.shl (memory.size) (i32.const 16))))
      (drop (memory.grow (i32.add (i32.shr_u (local.get $bytes) (i32.const 16)) (i32.const 1)))))
    (local.get $at))`;

export interface GuestText {
  /** Instructions before the answer; \`$req\`, \`$out\` and the i32 locals \`$a\` to \`$e\` are there, as is the i64 \`$l\`. */
  readonly act?: string;
  /** Bytes of the answer's body: from where, how many. Both are instructions. */
  readonly answer?: readonly [at: string, length: string] | 'none';
  readonly data?: string;
  readonly realloc?: string;
  readonly memory?: string;
  readonly more?: string;
}

/** Module text of a guest that acts and then answers with bytes of its memory. */
export function guestText({
  act = '',
  answer,
  data = '',
  realloc = REALLOC,
  memory = '1',
  more = '',
}: GuestText): string {
  const respond =
    answer === 'none'
      ? ''
      : `(call $respond (local.get $out) ${answer?.[0] ?? '(i32.const 64)'} ${answer?.[1] ?? '(i32.const 2)'})`;
  const texts = `${act}${more}${realloc}${RESPOND}`;
  const imports = Object.entries(IMPORTS)
    .filter(([short]) => new RegExp(`call \\$${short}[ )\\n]`).test(texts))
    .map(([short, [module, name, type]]) => `(import "${module}" "${name}" (func $${short} ${type}))`);
  return `(module
  ${imports.join('\n  ')}
  (memory (export "memory") ${memory})
  (data (i32.const 64) "ok")
  ${data}
  ${realloc}
  ${RESPOND}
  ${more}
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $req i32) (param $out i32)
    (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $e i32) (local $l i64)
    ${act}
    ${respond}))`;
}

/** Answers 200 with some bytes; the area at 0 is for results. */
const RESPOND = `
  (func $respond (param $out i32) (param $at i32) (param $length i32)
    (local $response i32) (local $body i32) (local $stream i32)
    (local.set $response (call $response (call $fields)))
    (call $body (local.get $response) (i32.const 0))
    (local.set $body (i32.load (i32.const 4)))
    (call $set (local.get $out) (i32.const 0) (local.get $response) (i32.const 0) (i64.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (local.get $body) (i32.const 0))
    (local.set $stream (i32.load (i32.const 4)))
    (call $say (local.get $stream) (local.get $at) (local.get $length) (i32.const 0))
    (call $dropOutput (local.get $stream))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0)))`;

/** Takes the request's body into `$b`, its stream into `$a`. */
export const TAKE_BODY = `
  (call $consume (local.get $req) (i32.const 16)) (local.set $b (i32.load (i32.const 20)))
  (call $bodyStream (local.get $b) (i32.const 16)) (local.set $a (i32.load (i32.const 20)))`;

/** Makes a response of the fields in `$c`; its body goes into `$d`, the body's stream into `$e`. */
const MAKE_RESPONSE = `
  (local.set $c (call $response (local.get $c)))
  (call $body (local.get $c) (i32.const 16)) (local.set $d (i32.load (i32.const 20)))
  (call $write (local.get $d) (i32.const 16)) (local.set $e (i32.load (i32.const 20)))`;
const SET = `(call $set (local.get $out) (i32.const 0) (local.get $c) (i32.const 0) (i64.const 0) (i32.const 0)
  (i32.const 0) (i32.const 0) (i32.const 0))`;
export const FINISH = `(call $dropOutput (local.get $e))
  (call $finish (local.get $d) (i32.const 0) (i32.const 0) (i32.const 128))`;

/** Answers with some instructions in between; says so before or after them. */
export const answering = (
  act: string,
  { before = '', fields = '(call $fields)', end = FINISH } = {},
): string => `(local.set $c ${fields}) ${MAKE_RESPONSE} ${before} ${SET} ${act} ${end}`;

/** Writes two letters and waits until they are taken; the outcome is at 48. */
export const SAY_OK = '(call $say (local.get $e) (i32.const 64) (i32.const 2) (i32.const 48))';

/** Fields with one entry of texts in memory. */
export const fieldsWith = (
  nameAt: number,
  nameBytes: number,
  valueAt: number,
  valueBytes: number,
): string => `
  (local.set $c (call $fields))
  (call $append (local.get $c) (i32.const ${nameAt}) (i32.const ${nameBytes}) (i32.const ${valueAt})
    (i32.const ${valueBytes}) (i32.const 16))`;
