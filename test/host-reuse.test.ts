/** Instances that serve more than one request: only where a function asks for it, and only what is left of its own. */
import { parse, print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { example, guestOf, plain, saying, WRONGDOERS } from './host-guests.ts';
import { closeAll, errorOf, signalled, TestHost, upstream } from './host-kit.ts';

/** Counts in a global, and does on the way what the path says. */
const COUNTING = `import { fetch, OutboundRequest, Request, Response } from 'ebb';
let count = 0;
const kept = new Array<ArrayBuffer>();
export function handle(request: Request): Response {
  count++;
  const what = request.pathname.split('/')[1];
  const n = count.toString();
  if (what == 'trap') unreachable();
  if (what == 'spin') while (true) {}
  if (what == 'grow') kept.push(new ArrayBuffer(4 << 20));
  if (what == 'bytes') return new Response(200, request.body);
  if (what == 'fetch') {
    const url = request.query('url');
    return Response.text(n + ' ' + fetch(new OutboundRequest(url ? url : '')).text());
  }
  return Response.text(n);
}
`;

let counting: Uint8Array;
let other: Uint8Array;

beforeAll(async () => {
  counting = await guestOf(COUNTING);
  // Another version of the same: a name in the text is all that differs.
  other = await guestOf(COUNTING.replace('count++;', 'count += 100;'));
});

afterEach(closeAll);

const MANY = { reuseRequests: 1_000 };

const texts = async (host: TestHost, ...paths: string[]): Promise<string[]> => {
  const said: string[] = [];
  for (const path of paths) said.push((await host.call(path)).text);
  return said;
};

const oneThread = (more: object = {}) => TestHost.start({ workers: 1, ...more });

describe('an instance', () => {
  test('serves one request, unless its function asks for more', async () => {
    const host = await oneThread();
    await host.deploy('f', counting);
    expect(await texts(host, '/f/f', '/f/f')).toEqual(['1', '1']);
    await host.deploy('f', counting, MANY);
    expect(await texts(host, '/f/f', '/f/f', '/f/f')).toEqual(['1', '2', '3']);
    const [third, second, first] = await host.executions();
    expect([first?.warmth, second?.warmth, third?.warmth]).toEqual(['cached', 'warm', 'warm']);
    expect(third?.startupUs).toBeLessThanOrEqual((await host.executions()).at(-1)?.startupUs as number);
    expect(host.internalErrors).toEqual([]);
  });

  test('serves as many requests as were set, and then there is a new one', async () => {
    const host = await oneThread();
    await host.deploy('f', counting, { reuseRequests: 3 });
    const paths = Array.from({ length: 7 }, () => '/f/f');
    expect(await texts(host, ...paths)).toEqual(['1', '2', '3', '1', '2', '3', '1']);
  });

  test('is never shared by two functions that run the same version', async () => {
    const host = await oneThread();
    await host.deploy('a', counting, MANY);
    await host.deploy('b', counting, MANY);
    expect(await texts(host, '/f/a', '/f/b', '/f/a', '/f/b', '/f/b')).toEqual(['1', '1', '2', '2', '3']);
  });

  test('ends with its version, its settings and its function, and never comes back', async () => {
    const host = await oneThread();
    await host.deploy('f', counting, MANY);
    expect(await texts(host, '/f/f', '/f/f')).toEqual(['1', '2']);
    await host.deploy('f', other);
    expect(await texts(host, '/f/f', '/f/f')).toEqual(['100', '200']);
    await host.deploy('f', counting);
    expect(await texts(host, '/f/f', '/f/f')).toEqual(['1', '2']);
    await host.deploy('f', counting, { logKb: 1 });
    expect(await texts(host, '/f/f', '/f/f')).toEqual(['1', '2']);
    await host.admin('/v1/functions/f', { method: 'DELETE' });
    await host.deploy('f', counting, MANY);
    expect(await texts(host, '/f/f')).toEqual(['1']);
  });

  test('stays when the very same is deployed again', async () => {
    const host = await oneThread();
    await host.deploy('f', counting, MANY);
    expect(await texts(host, '/f/f')).toEqual(['1']);
    await host.deploy('f', counting);
    expect(await texts(host, '/f/f')).toEqual(['2']);
  });

  test('that has trapped, was stopped, or was out of fuel is never used again', async () => {
    const host = await oneThread();
    await host.deploy('f', counting, { ...MANY, timeLimitMs: 200 });
    expect(await texts(host, '/f/f')).toEqual(['1']);
    for (const path of ['/f/f/trap', '/f/f/spin']) {
      expect((await host.call(path)).status).toBeGreaterThanOrEqual(500);
      expect(await texts(host, '/f/f')).toEqual(['1']);
    }
    await host.deploy('f', counting, { timeLimitMs: 10_000, fuelLimit: 100_000 });
    expect(await texts(host, '/f/f')).toEqual(['1']);
    expect(errorOf(await host.call('/f/f/spin')).code).toBe('guest-fuel-limit');
    expect(await texts(host, '/f/f', '/f/f')).toEqual(['1', '2']);
  });

  test('that left its response unfinished is never used again', async () => {
    const host = await oneThread();
    const { handle } = WRONGDOERS['does not finish its body'] as { handle: string };
    const unfinished = await plain({
      handle: `(global.set $count (i32.add (global.get $count) (i32.const 1)))
        (if (i32.gt_u (global.get $count) (i32.const 1)) (then unreachable)) ${handle}`,
      fields: '(global $count (mut i32) (i32.const 0))',
    });
    await host.deploy('f', unfinished, MANY);
    const codes = [errorOf(await host.call('/f/f')).code, errorOf(await host.call('/f/f')).code];
    expect(codes).toEqual(['guest-response-invalid', 'guest-response-invalid']);
  });

  test('never serves two requests at once, even where one waits', async () => {
    const asked = signalled();
    const answered = signalled();
    const origin = await upstream((_request, response) => {
      asked.happens();
      void answered.happened.then(() => response.end('there'));
    });
    const host = await oneThread({ allowOutbound: [new URL(origin).host] });
    await host.deploy('f', counting, MANY);
    expect(await texts(host, '/f/f')).toEqual(['1']);
    const waiting = host.call(`/f/f/fetch?url=${encodeURIComponent(origin)}`);
    await asked.happened;
    // The first one is suspended in its second request.
    expect(await texts(host, '/f/f')).toEqual(['1']);
    answered.happens();
    expect((await waiting).text).toBe('2 there');
    const said = await Promise.all([host.call('/f/f'), host.call('/f/f')]);
    expect(new Set(said.map(({ text }) => text)).size).toBe(2);
  });

  test('keeps what its memory has grown to, within its limit, and the record says so', async () => {
    const host = await oneThread();
    await host.deploy('f', counting, { ...MANY, memoryMb: 12 });
    await texts(host, '/f/f', '/f/f/grow', '/f/f');
    const [last, grown, first] = await host.executions();
    expect(grown?.memoryBytesPeak).toBeGreaterThan((first?.memoryBytesPeak as number) + 4_000_000);
    expect(last?.memoryBytesPeak).toBe(grown?.memoryBytesPeak);
    expect(await texts(host, '/f/f')).toEqual(['4']);
    // With less than half of its room left it serves no more, so that no request meets one that is nearly full.
    expect(await texts(host, '/f/f/grow', '/f/f', '/f/f')).toEqual(['5', '1', '2']);
    for (const { memoryBytesPeak } of await host.executions())
      expect(memoryBytesPeak).toBeLessThanOrEqual(12 << 20);
  });

  test('reads each request’s own body and has each response’s own room', async () => {
    const host = await oneThread({ responseMb: 1 });
    await host.deploy('f', counting, MANY);
    for (const letter of ['a', 'b', 'c', 'd']) {
      const body = letter.repeat(600_000);
      expect((await host.call('/f/f/bytes', { method: 'POST', body })).text).toBe(body);
    }
    expect((await host.executions()).filter(({ warmth }) => warmth === 'warm')).toHaveLength(3);
  });

  test('of another function never sees memory that was another’s', async () => {
    const host = await oneThread();
    await host.deploy('f', counting, { reuseRequests: 2 });
    const looks = await plain({
      handle: `(if (i32.ne (i32.load (i32.const 65000)) (i32.const 0)) (then unreachable))
        (i32.store (i32.const 65000) (i32.const 7))
        (call $answer (local.get $out) (call $fields) (i32.const 2))`,
    });
    await host.deploy('a', looks);
    await host.deploy('b', looks, { reuseRequests: 1 });
    for (let round = 0; round < 3; round++)
      expect(await texts(host, '/f/a', '/f/b', '/f/f')).toEqual(['ok', 'ok', String((round % 2) + 1)]);
  });
});

describe('of what a request has given its instance', () => {
  const fields = '(global $kept (mut i32) (i32.const 0)) (global $count (mut i32) (i32.const 0))';
  const inTurn = (first: string, later: string): string =>
    `(global.set $count (i32.add (global.get $count) (i32.const 1)))
     (if (i32.eq (global.get $count) (i32.const 1)) (then ${first}) (else ${later}))
     (call $answer (local.get $out) (call $fields) (i32.const 2))`;

  test('a standard stream stays, and prints into the log of whose turn it is', async () => {
    const host = await oneThread();
    const prints = '(call $write (global.get $kept) (i32.const 1024) (i32.const 2) (i32.const 0))';
    const guest = await plain({
      imports: '(import "cm32p2|wasi:cli/stderr@0.2" "get-stderr" (func $stderr (result i32)))',
      fields,
      handle: inTurn(`(global.set $kept (call $stderr)) ${prints}`, prints),
    });
    await host.deploy('f', guest, MANY);
    expect(await texts(host, '/f/f', '/f/f')).toEqual(['ok', 'ok']);
    const seen = (await host.executions()).map(({ log, warmth }) => [log, warmth]);
    expect(seen).toEqual([
      ['ok', 'warm'],
      ['ok', 'cold'],
    ]);
  });

  test('a few standing objects are kept, many end the instance', async () => {
    const host = await oneThread();
    const keeping = (count: number): Promise<Uint8Array> =>
      plain({
        fields: '(global $count (mut i32) (i32.const 0))',
        handle: `(global.set $count (i32.add (global.get $count) (i32.const 1)))
          (i32.store8 (i32.const 1024) (i32.add (i32.const 48) (global.get $count)))
          (local.set $a (i32.const ${count}))
          (loop $more (drop (call $fields))
            (br_if $more (local.tee $a (i32.sub (local.get $a) (i32.const 1)))))
          (call $answer (local.get $out) (call $fields) (i32.const 1))`,
      });
    await host.deploy('few', await keeping(30), MANY);
    await host.deploy('many', await keeping(150), MANY);
    expect(await texts(host, '/f/few', '/f/few', '/f/few')).toEqual(['1', '2', '3']);
    expect(await texts(host, '/f/many', '/f/many')).toEqual(['1', '1']);
  });

  test('every handle is gone that belonged to the request, and using one is the end of the instance', async () => {
    const host = await oneThread();
    const make = '(call $response (call $fields))';
    const guest = await plain({
      fields,
      // More handles than the next request has before it uses the first of them, so that nobody else has its number.
      handle: inTurn(
        `(global.set $kept ${make}) ${`(drop ${make})`.repeat(8)}`,
        '(drop (call $set-status (global.get $kept) (i32.const 201)))',
      ),
    });
    await host.deploy('f', guest, MANY);
    expect(await texts(host, '/f/f')).toEqual(['ok']);
    const { code, message } = errorOf(await host.call('/f/f'));
    expect(code).toBe('guest-trap');
    expect(message).toMatch(/a handle of outgoing-response, got one that is unknown or was dropped/);
    expect(await texts(host, '/f/f')).toEqual(['ok']);
  });
});

describe('the settings of reuse', () => {
  test.each([
    ['reuseRequests', 0],
    ['reuseRequests', 1_000_001],
    ['reuseRequests', 2.5],
    ['reuseIdleMs', 0],
    ['reuseIdleMs', 60_001],
    ['reuseIdleMs', 'long'],
  ])('are refused with %s %j', async (name, value) => {
    const host = await TestHost.start();
    const query = `?settings=${encodeURIComponent(JSON.stringify({ [name]: value }))}`;
    const answer = await host.put(`f${query}`, counting);
    expect(answer.status).toBe(400);
    expect(errorOf(answer).code).toBe('settings-invalid');
    expect(errorOf(answer).message).toMatch(`${name}: `);
  });

  test('are the host’s to forbid', async () => {
    const host = await TestHost.start({ reuseRequests: 1 });
    const query = `?settings=${encodeURIComponent(JSON.stringify({ reuseRequests: 2 }))}`;
    expect(errorOf(await host.put(`f${query}`, counting)).message).toBe(
      'reuseRequests: expected at most 1 (requests), the setting of this host, got 2',
    );
  });

  test('are refused for generated code, from which the host cannot take handles away, and nothing is left of it', async () => {
    const hello = await example('hello');
    const composed = await parse((await print(hello)).replace(/\)\s*$/, '(component (core module)))'));
    const host = await TestHost.start();
    const query = `?settings=${encodeURIComponent(JSON.stringify(MANY))}`;
    const answer = await host.put(`f${query}`, composed);
    expect([answer.status, errorOf(answer).code]).toEqual([400, 'settings-invalid']);
    expect(errorOf(answer).message).toBe(
      'reuseRequests: expected 1 for a component that is linked by generated code, got 1000',
    );
    expect((await host.admin('/v1/functions/f')).status).toBe(404);
    await host.deploy('f', composed);
    expect((await host.call('/f/f')).text).toBe('Hello from Ebb\n');
    // Nor can such a version take the place of one that is used again.
    await host.deploy('g', await saying('g'), MANY);
    expect(errorOf(await host.put('g', composed)).code).toBe('settings-invalid');
    expect((await host.call('/f/g')).text).toBe('g');
  });

  test('hold in several threads, where a function finds the one that keeps its instance', async () => {
    const host = await TestHost.start({ workers: 3 });
    await host.deploy('f', counting, MANY);
    // While the thread that keeps it has that to do, another one serves.
    expect(await host.running.rehearsed).toBe(true);
    const paths = Array.from({ length: 12 }, () => '/f/f');
    const said = await texts(host, ...paths);
    // One request at a time: each is served where the one before was.
    expect(said).toEqual(paths.map((_path, index) => String(index + 1)));
  });
});
