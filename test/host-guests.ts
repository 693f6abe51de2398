/** Guests for tests of the host: odd ones in AssemblyScript, and wrong ones by hand, which no compiler would make. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco';
import { buildGuest, EXAMPLES } from '../guests/build.ts';

/** One of the guests that come with Ebb. */
export async function example(name: string): Promise<Uint8Array> {
  const found = EXAMPLES.find((one) => one.name === name);
  if (!found) throw new Error(`no example ${name}`);
  return (await buildGuest({ source: found.source })).component;
}

/** A guest from AssemblyScript source. */
export async function guestOf(source: string): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'ebb-guest-'));
  try {
    const path = join(folder, 'guest.ts');
    await writeFile(path, source);
    return (await buildGuest({ source: path })).component;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A guest that answers with the text. */
export const saying = (text: string): Promise<Uint8Array> =>
  guestOf(
    `import { Request, Response } from 'ebb';\nexport function handle(_request: Request): Response { return Response.text('${text}'); }\n`,
  );

/** What HTTP's corners need: the path says which. */
export const CORNERS = `import { fetch, log, OutboundRequest, Request, Response } from 'ebb';

let count = 0;

function deep(n: i32): i32 { return n < 0 ? 0 : deep(n + 1) + deep(n + 2); }

export function handle(request: Request): Response {
  const what = request.pathname.split('/')[1];
  const given = request.query('n');
  const n = given ? I32.parseInt(given) : 0;
  if (what == 'count') return Response.text((++count).toString());
  if (what == 'cookies') {
    const response = Response.text('');
    response.headers.append('set-cookie', 'a=1');
    response.headers.append('x-between', '1');
    response.headers.append('Set-Cookie', 'b=2');
    return response;
  }
  if (what == 'size') return new Response(200, new Uint8Array(n));
  if (what == 'status') return new Response(n, Uint8Array.wrap(String.UTF8.encode('body')));
  if (what == 'empty') return Response.empty(n);
  if (what == 'header') {
    const name = request.query('name');
    const value = request.query('value');
    return Response.text('said').header(name ? name : '', value ? value : '');
  }
  if (what == 'headers') {
    let lines = '';
    for (let i = 0; i < request.headers.size; i++)
      lines += request.headers.nameAt(i) + ': ' + request.headers.valueAt(i) + '\\n';
    return Response.text(lines);
  }
  if (what == 'many') {
    const response = Response.text('');
    for (let i = 0; i < n; i++) response.headers.append('x-many', 'x'.repeat(1000));
    return response;
  }
  if (what == 'deep') return Response.text(deep(1).toString());
  if (what == 'log') { log('line'); return Response.text(''); }
  if (what == 'flood') { for (let i = 0; i < n; i++) log('0123456789'); return Response.text(''); }
  if (what == 'fetch') {
    const url = request.query('url');
    const method = request.query('method');
    const sent = new OutboundRequest(url ? url : '', method ? method : 'GET');
    const name = request.query('name');
    const value = request.query('value');
    if (name) sent.header(name, value ? value : '');
    const result = fetch(sent);
    return Response.text(result.failed ? result.error : result.status.toString() + ' ' + result.text());
  }
  return new Response(200, request.body).header('x-method', request.method).header('x-path', request.path);
}
`;

// ---- by hand ----

const TYPES = '"cm32p2|wasi:http/types@0.2"';

/** Functions of the host by the names that the bodies below use. */
const IMPORTS = `
  (import ${TYPES} "[constructor]fields" (func $fields (result i32)))
  (import ${TYPES} "[static]fields.from-list" (func $from-list (param i32 i32 i32)))
  (import ${TYPES} "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import ${TYPES} "[method]outgoing-response.set-status-code" (func $set-status (param i32 i32) (result i32)))
  (import ${TYPES} "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import ${TYPES} "[method]outgoing-body.write" (func $stream (param i32 i32)))
  (import ${TYPES} "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import ${TYPES} "response-outparam_drop" (func $drop-outparam (param i32)))
  (import ${TYPES} "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "cm32p2|wasi:io/streams@0.2" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "cm32p2|wasi:io/streams@0.2" "output-stream_drop" (func $drop-stream (param i32)))`;

/** Sets a response with the fields, whose body is the first \`bytes\` bytes from 1024 on, and ends the body. */
const HELPERS = `
  (func $answer (param $out i32) (param $fields i32) (param $bytes i32)
    (local $response i32) (local $body i32) (local $stream i32)
    (local.set $response (call $response (local.get $fields)))
    (call $body (local.get $response) (i32.const 0))
    (local.set $body (i32.load (i32.const 4)))
    (call $set (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $stream (local.get $body) (i32.const 0))
    (local.set $stream (i32.load (i32.const 4)))
    (call $write (local.get $stream) (i32.const 1024) (local.get $bytes) (i32.const 0))
    (call $drop-stream (local.get $stream))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0)))
  (func $set-ok (param $out i32) (param $response i32)
    (call $set (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))`;

export interface HandMade {
  /** The handler's body; \`$request\` and \`$out\` are its parameters, \`$a\` and \`$b\` locals. */
  readonly handle: string;
  /** More at the top level: data, globals. */
  readonly fields?: string;
  readonly imports?: string;
  readonly initialize?: string;
  readonly memory?: string;
  /** Changes the world that the component is made for. */
  readonly wit?: (text: string) => string;
  /** Without it the component exports nothing. */
  readonly hasHandler?: boolean;
}

const WIT_URL = new URL('../guests/wit/guest.wit', import.meta.url);

/** A component from a handler in the text format. */
export async function handMade(parts: HandMade): Promise<Uint8Array> {
  const { handle, fields = '', imports = '', initialize = '', memory = '1' } = parts;
  const exported =
    parts.hasHandler === false ? '' : '(export "cm32p2|wasi:http/incoming-handler@0.2|handle")';
  const core = await parse(`(module ${IMPORTS} ${imports}
  (memory (export "cm32p2_memory") ${memory})
  (global $free (mut i32) (i32.const 32768))
  ${fields} ${HELPERS}
  (func ${exported} (param $request i32) (param $out i32) (local $a i32) (local $b i32) ${handle})
  (func (export "cm32p2_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3))))
  (func (export "cm32p2_initialize") ${initialize}))`);
  const wit = await readFile(WIT_URL, 'utf8');
  const witSource = (parts.wit ?? ((text) => text))(wit);
  const embedded = await componentEmbed({
    binary: core,
    witSource,
    world: 'guest',
    stringEncoding: 'utf8',
  } as Parameters<typeof componentEmbed>[0]);
  return componentNew(embedded, []);
}

/** Adds an import to the guest's world. */
export const importing =
  (name: string, declared = '') =>
  (wit: string): string =>
    `${wit.replace('world guest {', `world guest {\n  import ${name};`)}\n${declared}`;

/** A core module or a component in the text format, as bytes. */
export const assembled = (text: string): Promise<Uint8Array> => parse(text);

const ANSWER = '(call $answer (local.get $out) (call $fields) (i32.const 2))';

/** Guests that each break one rule, by what they do. */
export const WRONGDOERS: Readonly<Record<string, HandMade>> = {
  'sets no response': { handle: '' },
  'drops the out-parameter': { handle: '(call $drop-outparam (local.get $out))' },
  'sets a response twice': {
    handle: `(call $set-ok (local.get $out) (call $response (call $fields)))
      (call $set-ok (local.get $out) (call $response (call $fields)))`,
  },
  'does not finish its body': {
    handle: `(local.set $a (call $response (call $fields)))
      (call $body (local.get $a) (i32.const 0))
      (call $set-ok (local.get $out) (local.get $a))`,
  },
  'answers with an error': {
    handle: `(call $set (local.get $out) (i32.const 1) (i32.const 7)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))`,
  },
  'fills one response after the other': {
    handle: `(loop $again
      (call $body (call $response (call $fields)) (i32.const 0))
      (call $stream (i32.load (i32.const 4)) (i32.const 0))
      (local.set $a (i32.load (i32.const 4)))
      (local.set $b (i32.const 64))
      (loop $more
        (call $write (local.get $a) (i32.const 1024) (i32.const 4096) (i32.const 0))
        (br_if $more (local.tee $b (i32.sub (local.get $b) (i32.const 1)))))
      (br $again))`,
  },
  'uses a handle that it does not have': {
    handle: '(call $set-ok (local.get $out) (i32.const 77))',
  },
  'writes from outside of its memory': {
    handle: '(call $answer (local.get $out) (call $fields) (i32.const 1000000))',
  },
  'writes more at once than a stream takes': {
    handle: '(call $answer (local.get $out) (call $fields) (i32.const 4097))',
  },
  'traps while it starts': { handle: ANSWER, initialize: 'unreachable' },
  'exits with success': {
    handle: '(call $exit (i32.const 0))',
    imports: '(import "cm32p2|wasi:cli/exit@0.2" "exit" (func $exit (param i32)))',
    wit: (text) =>
      importing('wasi:cli/exit@0.2.12')(
        text.replace(
          'package wasi:cli@0.2.12 {',
          'package wasi:cli@0.2.12 {\n  interface exit { exit: func(status: result); }',
        ),
      ),
  },
  'exits with failure': {
    handle: '(call $exit (i32.const 1))',
    imports: '(import "cm32p2|wasi:cli/exit@0.2" "exit" (func $exit (param i32)))',
    wit: (text) =>
      importing('wasi:cli/exit@0.2.12')(
        text.replace(
          'package wasi:cli@0.2.12 {',
          'package wasi:cli@0.2.12 {\n  interface exit { exit: func(status: result); }',
        ),
      ),
  },
};

/** Answers `ok` unless something else is asked of it. */
export const plain = (parts: Partial<HandMade> = {}): Promise<Uint8Array> =>
  handMade({ handle: ANSWER, ...parts, fields: `(data (i32.const 1024) "ok") ${parts.fields ?? ''}` });

/** One response header `x-bytes` whose value is bytes of Latin-1. */
export const latin1Header = (): Promise<Uint8Array> =>
  plain({
    fields: `(data (i32.const 2048) "x-bytes\\e9\\ff")
      (data (i32.const 2064) "\\00\\08\\00\\00\\07\\00\\00\\00\\07\\08\\00\\00\\02\\00\\00\\00")`,
    handle: `(call $from-list (i32.const 2064) (i32.const 1) (i32.const 0))
      (call $answer (local.get $out) (i32.load (i32.const 4)) (i32.const 2))`,
  });
