/** Components of other toolchains through both ways: JavaScript on StarlingMonkey, and C where clang is installed. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeNews, FakePort, FakeSource } from './fake-port.ts';
import { closeAll, type Listed, TestHost } from './host-kit.ts';
import { comparable, linkBoth, type Runnable, toComponentOf } from './linking-harness.ts';
import { recordOf, Talk } from './stream-kit.ts';

interface Componentize {
  componentize(
    source: string,
    options: { readonly witWorld: string; readonly worldName: string },
  ): Promise<{ readonly component: Uint8Array }>;
}

/** The compiler of JavaScript comes with jco, and is no dependency of Ebb by name. */
const COMPILER = '@bytecodealliance/componentize-js';

const SCRIPT = `addEventListener('fetch', (event) => event.respondWith(answer(event.request)));
async function answer(request) {
  const url = new URL(request.url);
  if (url.pathname === '/throw') throw new Error('on purpose');
  if (url.pathname === '/fetch') {
    const other = await fetch('http://upstream.test/x', { method: 'POST', body: 'asked' });
    return new Response('got ' + other.status + ' ' + (await other.text()));
  }
  if (url.pathname === '/stream') return new Response(request.body);
  const text = await request.text();
  console.log('grün', text.length);
  return new Response(request.method + ' ' + url.pathname + ' ' + text, { status: 201, headers: { 'x-js': 'ja' } });
}`;

describe('JavaScript on StarlingMonkey', () => {
  let component: Uint8Array;
  let direct: Runnable;
  let generated: Runnable;

  afterAll(closeAll);

  beforeAll(async () => {
    const { componentize } = (await import(COMPILER)) as Componentize;
    // It exports the handler of this very version, whatever the world says.
    const wit = await readFile(new URL('../guests/wit/guest.wit', import.meta.url), 'utf8');
    const world = { witWorld: wit.replaceAll('0.2.12', '0.2.10'), worldName: 'guest' };
    ({ component } = await componentize(SCRIPT, world));
    ({ direct, generated } = await linkBoth(component));
  }, 240_000);

  test.each([
    ['a GET', { path: '/a' }, 'GET /a '],
    ['a POST', { method: 'POST', path: '/b?c', body: 'x'.repeat(100_000) }, `POST /b ${'x'.repeat(100_000)}`],
    [
      'text beyond ASCII',
      { method: 'PUT', path: '/', body: 'größer' },
      Buffer.from('PUT / größer').toString('latin1'),
    ],
  ])('answers %s the same in both ways', (_what, ask, body) => {
    const seen = direct.run(ask);
    expect(seen).toMatchObject({ outcome: 'ok', status: 201, body });
    expect(seen.headers).toContain('x-js: ja');
    expect(seen.log).toContain('grün');
    expect(comparable(seen)).toEqual(comparable(generated.run(ask)));
  });

  test('fetches the same in both ways', () => {
    const ask = {
      path: '/fetch',
      upstream: () => ({ tag: 'ok', status: 202, headers: [], body: FakeSource.whole('up') }) as const,
    };
    const seen = direct.run(ask);
    expect(seen).toMatchObject({ outcome: 'ok', body: 'got 202 up' });
    expect(comparable(seen)).toEqual(comparable(generated.run(ask)));
  });

  test('answers piece by piece while the request still comes, blocking or suspended', async () => {
    for (const canSuspend of [false, true]) {
      const requestBody = new FakeSource();
      const pieces: string[] = [];
      const push = (piece: string) => () => {
        pieces.push(port.sink.text);
        requestBody.push(piece);
      };
      const end = () => {
        pieces.push(port.sink.text);
        requestBody.end();
      };
      const news = new FakeNews([push('one'), push('two'), end], canSuspend);
      const port: FakePort = new FakePort({ requestBody, news });
      const ask = { method: 'POST', path: '/stream', port };
      const seen = canSuspend ? await direct.runSuspendably(ask) : direct.run(ask);
      expect(seen).toMatchObject({ outcome: 'ok', body: 'onetwo' });
      expect(pieces).toEqual(['', 'one', 'onetwo']);
    }
  });

  test('answers the same where it can be suspended', async () => {
    const ask = { method: 'POST', path: '/b', body: 'text' };
    expect(comparable(await direct.runSuspendably(ask))).toEqual(comparable(direct.run(ask)));
  });

  test('is deployed over HTTP, answers over HTTP beside a folder, and is recorded', async () => {
    const host = await TestHost.start({ preopens: [`${import.meta.dirname}::/data`] });
    const deployed = await host.put('js', component);
    expect(deployed.status, deployed.text).toBe(201);
    expect(JSON.parse(deployed.text)).toMatchObject({
      size: component.length,
      linking: 'direct',
      deadlines: 'checks',
      exports: [expect.stringMatching(/^wasi:http\/incoming-handler@/)],
    });
    const got = await host.call('/f/js/a?b');
    expect(got).toMatchObject({ status: 201, text: 'GET /a ', headers: { 'x-js': 'ja' } });
    const body = 'größer'.repeat(20_000);
    const posted = await host.call('/f/js/b', { method: 'POST', body });
    expect(posted).toMatchObject({ status: 201, text: `POST /b ${body}` });
    // It is suspended where it waits for the rest of a body, and what it has answered is on its way.
    const echoed = new Talk(host.publicUrl, '/f/js/stream');
    for (const piece of ['one', 'two']) {
      await echoed.send(piece);
      expect(await echoed.take(3)).toBe(piece);
    }
    echoed.end();
    expect((await echoed.rest()).isWhole).toBe(true);
    await recordOf(host, await echoed.executionId());
    const ran = { functionName: 'js', outcome: 'ok' };
    const [streamed, second, first] = await host.executions();
    expect(first).toMatchObject({ ...ran, httpStatus: 201, warmth: 'cold', bytesIn: 0, bytesOut: 7 });
    const bytesIn = Buffer.byteLength(body);
    expect(second).toMatchObject({
      ...ran,
      httpStatus: 201,
      warmth: 'cached',
      bytesIn,
      bytesOut: bytesIn + 8,
    });
    expect(second?.log).toContain(`grün ${body.length}`);
    expect(streamed).toMatchObject({ ...ran, httpStatus: 200, bytesIn: 6, bytesOut: 6 });
    for (const { startupUs, runUs, cpuUs, memoryBytesPeak } of [first, second, streamed] as Listed[]) {
      expect(runUs).toBeGreaterThan(0);
      expect(cpuUs).toBeLessThanOrEqual(startupUs + runUs);
      expect(memoryBytesPeak).toBeGreaterThan(component.length / 2);
    }
    expect((await host.call('/f/js/throw')).status).toBe(500);
    expect(host.internalErrors).toEqual([]);
  }, 60_000);

  test('fails the same in both ways', () => {
    const seen = direct.run({ path: '/throw' });
    expect(comparable(seen)).toEqual(comparable(generated.run({ path: '/throw' })));
    expect(direct.run({ path: '/a' }).outcome).toBe('ok');
  });
});

const C_SOURCE = `
#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))
#define TYPES "wasi:http/types@0.2.12"
#define STREAMS "wasi:io/streams@0.2.12"
typedef unsigned int u32;
IMPORT(TYPES, "[constructor]fields") int fields(void);
IMPORT(TYPES, "[method]fields.append") void append(int, const char *, u32, const char *, u32, u32 *);
IMPORT(TYPES, "[constructor]outgoing-response") int response(int);
IMPORT(TYPES, "[method]outgoing-response.body") void body(int, u32 *);
IMPORT(TYPES, "[static]response-outparam.set") void set(int, int, int, int, long long, int, int, int, int);
IMPORT(TYPES, "[method]outgoing-body.write") void write_body(int, u32 *);
IMPORT(TYPES, "[static]outgoing-body.finish") void finish(int, int, int, u32 *);
IMPORT(TYPES, "[method]incoming-request.path-with-query") void path(int, u32 *);
IMPORT(TYPES, "[resource-drop]incoming-request") void drop_request(int);
IMPORT(STREAMS, "[method]output-stream.blocking-write-and-flush") void say(int, const char *, u32, u32 *);
IMPORT(STREAMS, "[resource-drop]output-stream") void drop_output(int);

static char heap[65536];
static u32 top;
EXPORT("cabi_realloc") void *cabi_realloc(void *old, u32 old_size, u32 align, u32 size) {
  top = (top + align - 1) & -align;
  void *at = heap + top;
  top += size;
  return at;
}

EXPORT("wasi:http/incoming-handler@0.2.12#handle") void handle(int request, int out) {
  u32 area[10] __attribute__((aligned(8)));
  u32 asked[3];
  path(request, asked);
  drop_request(request);
  int headers = fields();
  append(headers, "x-c", 3, "yes", 3, area);
  int made = response(headers);
  body(made, area);
  int content = area[1];
  set(out, 0, made, 0, 0, 0, 0, 0, 0);
  write_body(content, area);
  int stream = area[1];
  say(stream, asked[0] ? (const char *)asked[1] : "none", asked[0] ? asked[2] : 4, area);
  drop_output(stream);
  finish(content, 0, 0, area);
}
`;

const FLAGS = ['--target=wasm32', '-nostdlib', '-O2', '-Wl,--no-entry'];

/** The first of these compilers that can compile and link WebAssembly here. */
const compiler = ['clang', 'clang-14', 'clang-19'].find((name) => {
  try {
    execFileSync(name, [...FLAGS, '-x', 'c', '-', '-o', devNull], { input: 'int one;', stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
});

describe('C', () => {
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'ebb-c-'));
  });
  afterAll(() => rm(scratch, { recursive: true, force: true }));

  test('answers the same in both ways', async (context) => {
    context.skip(!compiler, 'no clang with a linker for WebAssembly (lld) is installed');
    const [source, out] = [join(scratch, 'guest.c'), join(scratch, 'guest.wasm')];
    await writeFile(source, C_SOURCE);
    execFileSync(compiler as string, [...FLAGS, '-o', out, source], { stdio: 'pipe' });
    const { direct, generated } = await linkBoth(await toComponentOf(new Uint8Array(await readFile(out))));
    for (const asked of ['/', '/grün?x=1', `/${'long'.repeat(1_000)}`]) {
      const seen = direct.run({ path: asked });
      expect(seen).toMatchObject({
        outcome: 'ok',
        headers: ['x-c: yes'],
        body: Buffer.from(asked).toString('latin1'),
      });
      expect(comparable(seen)).toEqual(comparable(generated.run({ path: asked })));
    }
  });
});
