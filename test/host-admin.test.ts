/** The admin listener: deploying, listing, the ledger, usage and bills, and what it refuses. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CORNERS, example, guestOf, saying } from './host-guests.ts';
import { closeAll, errorOf, type Listed, TestHost } from './host-kit.ts';

let host: TestHost;
let hello: Uint8Array;
let corners: Uint8Array;

beforeAll(async () => {
  [hello, corners] = [await example('hello'), await guestOf(CORNERS)];
});

describe('a deploy', () => {
  beforeAll(async () => {
    host = await TestHost.start();
  });
  afterAll(closeAll);

  test('is answered with what was deployed, and the same bytes again with 200', async () => {
    const first = await host.put('hello', hello);
    expect(first.status).toBe(201);
    const deployed = JSON.parse(first.text) as Record<string, unknown>;
    expect(deployed).toMatchObject({
      name: 'hello',
      version: expect.stringMatching(/^[0-9a-f]{64}$/),
      size: hello.length,
      exports: ['wasi:http/incoming-handler@0.2.12'],
      imports: expect.arrayContaining(['wasi:http/types@0.2.12', 'wasi:cli/stderr@0.2.12']),
    });
    const again = await host.put('hello', hello);
    expect(again.status).toBe(200);
    expect(JSON.parse(again.text)).toEqual(deployed);
    expect(await host.get('/v1/functions/hello')).toEqual(deployed);
    expect(await host.get('/v1/functions')).toEqual({ functions: [deployed] });
  });

  test('of other bytes is a new version, and the old one is gone', async () => {
    const { version } = await host.get<{ version: string }>('/v1/functions/hello');
    const answer = await host.put('hello', await saying('second'));
    expect(answer.status).toBe(201);
    expect(JSON.parse(answer.text).version).not.toBe(version);
    expect((await host.call('/f/hello')).text).toBe('second');
    await host.deploy('hello', hello);
  });

  test('of one component under two names keeps it until both are gone', async () => {
    await host.deploy('twin', hello);
    expect((await host.admin('/v1/functions/twin', { method: 'DELETE' })).status).toBe(200);
    expect((await host.call('/f/twin')).status).toBe(404);
    expect((await host.call('/f/hello')).status).toBe(200);
  });

  test.each(['Hello', 'a_b', '-a', 'a-', 'a'.repeat(64), 'a%20b', 'a%2Fb', '%F0%9F%A6%80', '%zz'])(
    'under the name %s is refused',
    async (name) => {
      const answer = await host.put(name, hello);
      expect(answer.status).toBe(400);
      expect(errorOf(answer)).toMatchObject({ code: 'name-invalid', fault: 'user' });
    },
  );

  test.each(['a', '0', 'a-b', 'a'.repeat(63)])('under the name %s is taken', async (name) => {
    expect((await host.put(name, hello)).status).toBe(201);
    expect((await host.call(`/f/${name}`)).status).toBe(200);
    expect((await host.admin(`/v1/functions/${name}`, { method: 'DELETE' })).status).toBe(200);
  });

  test.each(['text/plain', 'application/octet-stream', 'application/wasmx', ''])(
    'as %j is refused, with a large body too',
    async (type) => {
      const answer = await host.put('other', new Uint8Array(4 * 1_048_576), type);
      expect(answer.status).toBe(415);
      expect(errorOf(answer)).toMatchObject({
        code: 'content-type-unsupported',
        message: expect.stringMatching(/expected content-type application\/wasm/),
      });
    },
  );

  test('may say more in its content type', async () => {
    expect((await host.put('hello', hello, 'Application/WASM; charset=binary')).status).toBe(200);
  });

  test.each([
    ['POST', '/v1/functions/hello', 'GET, PUT, DELETE'],
    ['POST', '/v1/functions', 'GET'],
    ['DELETE', '/v1/executions', 'GET'],
    ['PUT', '/v1/executions/export', 'GET'],
    ['POST', '/v1/usage', 'GET'],
    ['POST', '/v1/bill', 'GET'],
    ['POST', '/healthz', 'GET'],
  ])('%s %s is answered with 405 and what is allowed', async (method, path, allowed) => {
    const answer = await host.admin(path, { method, body: 'x', headers: { 'content-length': 1 } });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe(allowed);
    expect(errorOf(answer).code).toBe('method-not-allowed');
  });

  test.each(['/', '/v1', '/v2/functions', '/f/hello', '/v1/functions/a/b', '/v1/functions/'])(
    '%s is no path of the admin listener',
    async (path) => {
      const answer = await host.admin(path);
      expect(answer.status).toBe(404);
      expect(errorOf(answer).code).toBe('path-unknown');
    },
  );

  test.each(['GET', 'DELETE'])('%s of a function that is not there is 404', async (method) => {
    const answer = await host.admin('/v1/functions/nobody', { method });
    expect(answer.status).toBe(404);
    expect(errorOf(answer).code).toBe('function-unknown');
  });

  test('does not change what the public listener says of itself', async () => {
    expect((await host.call('/v1/functions')).status).toBe(404);
    expect(await host.get('/healthz')).toEqual({ status: 'ok', functions: 1 });
  });

  test('many at once of one name end with one of them', async () => {
    const [one, two] = [await saying('one'), await saying('two')];
    const answers = await Promise.all([one, two, one, two, one, two].map((bytes) => host.put('race', bytes)));
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    expect((await host.call('/f/race')).text).toBe('two');
    expect(host.internalErrors).toEqual([]);
  });
});

describe('the ledger', () => {
  let listed: Listed[];

  beforeAll(async () => {
    host = await TestHost.start();
    await host.deploy('hello', hello);
    await host.deploy('corners', corners);
    for (let count = 0; count < 5; count++) await host.call('/f/hello');
    await host.call('/f/corners', { method: 'POST', body: 'abc' });
    await host.call('/f/corners/header?name=%20');
    listed = await host.executions();
  });
  afterAll(closeAll);

  test('has each execution once, newest first', () => {
    expect(listed.map(({ id }) => id)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(listed.map(({ outcome }) => outcome)).toEqual(['trap', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok']);
    expect(listed[1]).toMatchObject({ functionName: 'corners', bytesIn: 3, bytesOut: 3, httpStatus: 200 });
    expect(listed.filter(({ warmth }) => warmth === 'cold').map(({ id }) => id)).toEqual([6, 1]);
  });

  test('is read in pages', async () => {
    interface Page {
      readonly executions: Listed[];
      readonly nextBefore: number | null;
    }
    const ids: number[] = [];
    let path = '/v1/executions?limit=3';
    for (;;) {
      const page: Page = await host.get(path);
      ids.push(...page.executions.map(({ id }) => id));
      if (page.nextBefore === null) break;
      path = `/v1/executions?limit=3&before=${page.nextBefore}`;
    }
    expect(ids).toEqual([7, 6, 5, 4, 3, 2, 1]);
  });

  test('is filtered by function and time', async () => {
    expect(await host.executions('&function=corners')).toHaveLength(2);
    expect(await host.executions('&function=nobody')).toEqual([]);
    expect(await host.executions('&to=2020-01-01')).toEqual([]);
    expect(await host.executions('&from=2020-01-01T00:00:00Z')).toHaveLength(7);
    expect(await host.executions('&before=3')).toHaveLength(2);
    expect(await host.executions('&before=1')).toEqual([]);
  });

  test('is exported line by line, oldest first, under a header', async () => {
    const answer = await host.admin('/v1/executions/export?function=corners');
    expect(answer.headers['content-type']).toBe('application/jsonl');
    const lines = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toEqual({ format: 'ebb-executions', formatVersion: 1 });
    expect(lines.slice(1).map(({ outcome }) => outcome)).toEqual(['ok', 'trap']);
    expect(Object.keys(lines[1]!)).not.toContain('log');
  });

  test('sums up to usage', async () => {
    const { functions } = await host.get<{ functions: Record<string, unknown>[] }>('/v1/usage');
    expect(functions).toHaveLength(2);
    expect(functions[1]).toMatchObject({
      name: 'hello',
      executions: 5,
      usageGbSeconds: expect.any(Number),
      cpuMs: expect.any(Number),
      bytesIn: 0,
      bytesOut: 5 * 15,
      byOutcome: { ok: 5 },
    });
    expect(functions[0]).toMatchObject({ executions: 2, bytesIn: 3, byOutcome: { ok: 1, trap: 1 } });
    expect(await host.get('/v1/usage?to=2020-01-01')).toEqual({ functions: [] });
  });

  test('sums up to a bill, whose lines make its total', async () => {
    interface Bill {
      readonly executions: number;
      readonly priceBook: string;
      readonly lines: readonly {
        meter: string;
        quantity: number;
        unit: string;
        unitPriceUsd: number;
        amountUsd: number;
      }[];
      readonly totalUsd: number;
    }
    const bill = await host.get<Bill>('/v1/bill?prices=aws-lambda-x86');
    expect(bill).toMatchObject({ executions: 7, priceBook: 'aws-lambda-x86' });
    expect(bill.lines.find(({ meter }) => meter === 'requests')).toMatchObject({ quantity: 0.000_007 });
    const sum = bill.lines.reduce((total, { amountUsd }) => total + amountUsd, 0);
    expect(sum).toBeCloseTo(bill.totalUsd, 12);
    expect(bill.totalUsd).toBeGreaterThan(0);
    expect((await host.get<Bill>('/v1/bill?freeTier=true')).totalUsd).toBe(0);
    expect((await host.get<Bill>('/v1/bill?function=nobody')).totalUsd).toBe(0);
  });

  test.each([
    [
      '/v1/executions?limit=0',
      400,
      'query-invalid',
      /limit: expected a whole number from 1 to 1000, got "0"/,
    ],
    ['/v1/executions?limit=1001', 400, 'query-invalid', /got "1001"/],
    ['/v1/executions?limit=ten', 400, 'query-invalid', /got "ten"/],
    ['/v1/executions?limit=', 400, 'query-invalid', /got ""/],
    ['/v1/executions?limit=1e3', 400, 'query-invalid', /got "1e3"/],
    ['/v1/executions?before=-1', 400, 'query-invalid', /before/],
    ['/v1/executions?Limit=1', 400, 'query-invalid', /expected the parameters .*limit.*got "Limit"/],
    ['/v1/executions?from=yesterday', 400, 'query-invalid', /from: expected a time/],
    ['/v1/executions?from=2026-02-02&to=2026-02-01', 400, 'query-invalid', /to: expected a time after/],
    ['/v1/executions/export?limit=1', 400, 'query-invalid', /got "limit"/],
    ['/v1/usage?nonsense=1', 400, 'query-invalid', /got "nonsense"/],
    ['/v1/bill?freeTier=yes', 400, 'query-invalid', /true or false, got "yes"/],
    ['/v1/bill?prices=acme', 404, 'prices-unknown', /acme/],
    ['/v1/bill?prices=aws-ec2', 400, 'prices-unfit', /bills instances/],
  ])('refuses %s', async (path, status, code, words) => {
    const answer = await host.admin(path);
    expect(answer.status).toBe(status);
    expect(errorOf(answer)).toMatchObject({ code, message: expect.stringMatching(words) });
    expect(host.internalErrors).toEqual([]);
  });
});
