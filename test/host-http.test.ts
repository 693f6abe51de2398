/** HTTP as guests and callers see it: nothing is changed on the way that HTTP does not let a host change. */
import http from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CORNERS, example, guestOf, latin1Header, plain } from './host-guests.ts';
import { ask, closeAll, errorOf, exchange, TestHost } from './host-kit.ts';

let host: TestHost;

beforeAll(async () => {
  host = await TestHost.start({ requestMb: 1, responseMb: 1 });
  await host.deploy('corners', await guestOf(CORNERS));
  await host.deploy('hello', await example('hello'));
  await host.deploy('latin', await latin1Header());
  await host.deploy('bare', await plain());
});

afterAll(closeAll);

const valuesOf = (rawHeaders: readonly string[], wanted: string): string[] =>
  rawHeaders.filter((_value, index) => index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === wanted);

describe('the path and the query', () => {
  test.each([
    ['/f/corners', '/'],
    ['/f/corners/', '/'],
    ['/f/corners?a=1', '/?a=1'],
    ['/f/corners?', '/?'],
    ['/f/corners//a//b/', '//a//b/'],
    ['/f/corners/a/../b/./c', '/a/../b/./c'],
    ['/f/corners/%2e%2E/%2F%41?q=%20+%zz&&=', '/%2e%2E/%2F%41?q=%20+%zz&&='],
    ['/f/corners/a?b?c/d', '/a?b?c/d'],
    ['/f/corners/a;b=c@d:e!$&\'()*,|"<>\\^`{}', '/a;b=c@d:e!$&\'()*,|"<>\\^`{}'],
    ['/f/c%6Frners/x', '/x'],
    [`/f/corners/${'x'.repeat(8_000)}`, `/${'x'.repeat(8_000)}`],
  ])('%s reaches the guest as %s', async (path, seen) => {
    const answer = await host.call(path);
    expect(answer.status).toBe(200);
    expect(answer.headers['x-path']).toBe(seen);
  });

  test('may come in the absolute form that proxies send', async () => {
    const answer = await host.call(`${host.publicUrl}/f/corners/a?b`);
    expect(answer.headers['x-path']).toBe('/a?b');
  });

  test.each(['/', '/f', '/f/', '/g/corners', '/F/../f/corners/..', '*', '//f/corners'])(
    '%s belongs to no function',
    async (path) => {
      const answer = await host.call(path, path === '*' ? { method: 'OPTIONS' } : {});
      expect(answer.status).toBe(404);
      expect(errorOf(answer)).toMatchObject({ code: 'path-unknown', fault: 'user' });
    },
  );

  test.each([
    '/f/nobody',
    '/f/%zz/x',
    '/f/%E0%A4%A',
    '/f/CORNERS',
    '/f/corners%2Fx',
    '/f/__proto__',
    '/f/..',
  ])('%s names a function that is not there', async (path) => {
    const answer = await host.call(path);
    expect(answer.status).toBe(404);
    expect(errorOf(answer)).toMatchObject({ code: 'function-unknown', fault: 'user' });
  });
});

describe('the method', () => {
  test.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'QUERY'])(
    '%s reaches the guest',
    async (method) => {
      const answer = await host.call('/f/corners', { method, headers: { 'content-length': 0 } });
      expect(answer).toMatchObject({ status: 200 });
      expect(answer.headers['x-method']).toBe(method);
    },
  );

  test('HEAD has the headers of GET, its length among them, and no body', async () => {
    const answer = await host.call('/f/hello', { method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, text: '' });
    expect(answer.headers['content-length']).toBe('15');
    expect((await host.executions())[0]).toMatchObject({ bytesOut: 0, outcome: 'ok' });
  });

  test('CONNECT ends the connection instead of leaving it open', async () => {
    expect(await exchange(host.publicUrl, 'CONNECT /f/corners HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('');
  });
});

describe('the body', () => {
  test('comes back as it went, whatever its bytes', async () => {
    const body = Buffer.from(Array.from({ length: 65_536 }, (_zero, index) => (index * 7) % 256));
    const answer = await host.call('/f/corners', { method: 'POST', body });
    expect(Buffer.compare(answer.body, body)).toBe(0);
    expect((await host.executions())[0]).toMatchObject({ bytesIn: 65_536, bytesOut: 65_536 });
  });

  test('may come in chunks, and with GET', async () => {
    const chunked = { 'transfer-encoding': 'chunked' };
    expect((await host.call('/f/corners', { method: 'POST', headers: chunked, body: 'abc' })).text).toBe(
      'abc',
    );
    const headers = { 'content-length': 3 };
    expect((await host.call('/f/corners', { method: 'GET', headers, body: 'abc' })).text).toBe('abc');
  });

  test('is waited for when the client asks first', async () => {
    const sent = http.request(`${host.publicUrl}/f/corners`, {
      method: 'POST',
      headers: { expect: '100-continue', 'content-length': 4 },
    });
    sent.flushHeaders();
    await new Promise<void>((resolve) => sent.once('continue', resolve));
    const response = new Promise<http.IncomingMessage>((resolve) => sent.once('response', resolve));
    sent.end('late');
    expect(Buffer.concat(await (await response).toArray()).toString()).toBe('late');
  });

  test('is not asked for when the request is refused by its headers', async () => {
    const head = `POST /f/nobody HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n`;
    expect(await exchange(host.publicUrl, head)).toMatch(/^HTTP\/1\.1 404 /);
  });

  test('of the largest size is taken, and one byte more is 413, declared or not', async () => {
    const limit = 1_048_576;
    const most = await host.call('/f/corners', { method: 'POST', body: Buffer.alloc(limit) });
    expect(most.body.length).toBe(limit);
    const over = Buffer.alloc(limit + 1);
    for (const headers of [{ 'content-length': limit + 1 }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await host.call('/f/corners', { method: 'POST', headers, body: over });
      expect(answer.status).toBe(413);
      expect(errorOf(answer)).toMatchObject({
        code: 'request-too-large',
        message: expect.stringMatching(/at most 1048576 bytes, got (1048577|more)/),
      });
    }
  });

  test.each([
    ['413', '/f/corners', 413],
    ['404', '/f/nobody', 404],
  ])(
    'is read past after a %s, so that a client that sends all of it first gets the answer',
    async (_what, path, status) => {
      const { hostname, port } = new URL(host.publicUrl);
      const body = Buffer.alloc(40 * 1_048_576);
      const socket = connect(Number(port), hostname);
      socket.pause();
      await new Promise<void>((resolve, reject) => {
        socket.on('error', reject);
        socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
        socket.write(body, () => resolve());
      });
      const chunks: Buffer[] = [];
      const answered = new Promise<void>((resolve) => {
        socket.on('data', (chunk) => {
          chunks.push(Buffer.from(chunk));
          if (Buffer.concat(chunks).includes('}}')) resolve();
        });
      });
      socket.resume();
      await answered;
      expect(Buffer.concat(chunks).toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      socket.destroy();
    },
  );

  test('that breaks off never reaches the guest', async () => {
    const before = (await host.executions()).length;
    const { hostname, port } = new URL(host.publicUrl);
    const socket = connect(Number(port), hostname);
    socket.write('POST /f/corners HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf');
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    socket.end();
    await new Promise<void>((resolve) => socket.resume().once('close', () => resolve()));
    expect((await host.call('/f/hello')).status).toBe(200);
    expect((await host.executions()).length).toBe(before + 1);
  });
});

describe('the status', () => {
  test.each([200, 201, 302, 404, 418, 451, 500, 503, 599])("%i is the guest's own", async (status) => {
    const answer = await host.call(`/f/corners/status?n=${status}`);
    expect(answer).toMatchObject({ status, text: 'body' });
  });

  test.each([204, 205, 304])('%i has no body, whatever the guest wrote', async (status) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const answer = await host.call(`/f/corners/status?n=${status}`, { agent });
    expect(answer).toMatchObject({ status, text: '' });
    expect(answer.headers['transfer-encoding']).toBeUndefined();
    expect((await host.executions())[0]).toMatchObject({ httpStatus: status, bytesOut: 0 });
    expect((await host.call('/f/hello', { agent })).text).toBe('Hello from Ebb\n');
    agent.destroy();
  });
});

describe('headers', () => {
  test('of the request reach the guest, repeated ones apart, without those of the connection', async () => {
    const headers = ['Host', 'a.example', 'X-Two', '1', 'x-two', '2', 'X-Empty', '', 'Connection', 'close'];
    const { text } = await host.call('/f/corners/headers', { headers });
    expect(text).toBe('X-Two: 1\nx-two: 2\nX-Empty: \n');
  });

  test('of the response keep their repetitions and their order', async () => {
    const { rawHeaders } = await host.call('/f/corners/cookies');
    expect(valuesOf(rawHeaders, 'set-cookie')).toEqual(['a=1', 'b=2']);
    expect(rawHeaders.indexOf('x-between')).toBeLessThan(rawHeaders.indexOf('Set-Cookie'));
  });

  test('may hold any byte of Latin-1, in both directions', async () => {
    expect((await host.call('/f/latin')).headers['x-bytes']).toBe('éÿ');
    const sent = Buffer.from(
      'GET /f/corners/headers HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: \xc3\xa9\r\n\r\n',
      'latin1',
    );
    expect(await exchange(host.publicUrl, sent)).toMatch(/\r\n\r\nX: Ã©\n$/);
  });

  test('are not invented: what the guest gives no type has none', async () => {
    expect((await host.call('/f/bare')).headers['content-type']).toBeUndefined();
  });

  test.each([
    ['x-ebb-execution', '7'],
    ['content-length', '4'],
    ['trailer', 'x-end'],
  ])("%s is the host's to say", async (name, value) => {
    const answer = await host.call(`/f/corners/header?name=${name}&value=${value}`);
    expect(answer).toMatchObject({ status: 200, text: 'said' });
    expect(valuesOf(answer.rawHeaders, name)).toHaveLength(name === 'trailer' ? 0 : 1);
    expect(answer.headers['x-ebb-execution']).toBe(String((await host.executions())[0]!.id));
  });

  test("with a length that is not the body's make the response invalid, except to HEAD", async () => {
    const path = '/f/corners/header?name=content-length&value=400';
    expect((await host.call(path)).status).toBe(500);
    expect((await host.call('/f/hello')).status).toBe(200);
  });

  test('larger than the host reads are refused with a JSON body', async () => {
    const answer = await host.call('/f/hello', { headers: { 'x-large': 'x'.repeat(20_000) } });
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({
      code: 'request-invalid',
      message: expect.stringMatching(/headers of at most 16 KiB/),
    });
  });

  test('need a Host, as HTTP/1.1 asks for, and HTTP/1.0 does not', async () => {
    const refused = await exchange(host.publicUrl, 'GET /f/hello HTTP/1.1\r\nConnection: close\r\n\r\n');
    expect(refused).toMatch(/^HTTP\/1\.1 400 .*expected a Host header, got none/s);
    const served = await exchange(host.publicUrl, 'GET /f/hello HTTP/1.0\r\n\r\n');
    expect(served).toMatch(/^HTTP\/1\.1 200 .*Hello from Ebb\n$/s);
  });

  test.each([
    ['two hosts', 'GET /f/hello HTTP/1.1\r\nHost: a\r\nhost: a\r\n', 'one Host header, got 2'],
    ['a host that is none', 'GET /f/hello HTTP/1.1\r\nHost: a/b\r\n', 'a host and perhaps a port, got a/b'],
    [
      'user info in its target',
      'GET http://me@a/f/hello HTTP/1.1\r\nHost: a\r\n',
      'a host and perhaps a port, got me@a',
    ],
  ])('with %s are refused', async (_what, head, expected) => {
    const refused = await exchange(host.publicUrl, `${head}Connection: close\r\n\r\n`);
    expect(refused).toMatch(/^HTTP\/1\.1 400 /);
    expect(refused).toContain(`expected ${expected}`);
  });

  test.each(['', '[::1]:7070', 'a.example.:80', 'ex%41mple'])('may say the host "%s"', async (name) => {
    const sent = `GET /f/hello HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`;
    expect(await exchange(host.publicUrl, sent)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('a connection', () => {
  test('carries pipelined requests, answered in their order', async () => {
    const one = (path: string, end = '') => `GET /f/corners/${path} HTTP/1.1\r\nHost: a\r\n${end}\r\n`;
    const sent = ['a', 'b', 'c', 'd'].map((path) => one(path)).join('') + one('e', 'Connection: close\r\n');
    const answers = await exchange(host.publicUrl, sent);
    expect([...answers.matchAll(/x-path: (\S+)/g)].map(([, path]) => path)).toEqual([
      '/a',
      '/b',
      '/c',
      '/d',
      '/e',
    ]);
  });

  test.each([
    ['bytes that are no HTTP', '\x16\x03\x01nonsense\r\n\r\n'],
    [
      'an unfinished chunk',
      'POST /f/corners HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ],
    [
      'two lengths',
      'POST /f/corners HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    ],
    [
      'a length and chunks',
      'POST /f/corners HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ])('with %s is ended, and others are served', async (_what, sent) => {
    await exchange(host.publicUrl, sent);
    expect((await host.call('/f/hello')).status).toBe(200);
  });

  test('with a request and then bytes that are none answers both', async () => {
    const sent = 'GET /f/hello HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n';
    expect(await exchange(host.publicUrl, sent)).toMatch(
      /^HTTP\/1\.1 200 .*Ebb\nHTTP\/1\.1 400 .*request-invalid/s,
    );
  });

  test('lives on after an error', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (const path of ['/f/nobody', '/x', '/f/corners/header?name=%20']) {
      expect((await host.call(path, { agent })).headers.connection).toBe('keep-alive');
    }
    expect((await host.call('/f/hello', { agent })).status).toBe(200);
    agent.destroy();
  });
});

test('the admin listener answers a URL that it cannot read with a JSON body', async () => {
  const answer = await ask(host.running.adminUrl, '/healthz', { headers: { host: 'a b' } });
  expect(answer.status).toBe(400);
  expect(errorOf(answer).code).toBe('request-invalid');
});

test('nothing of this was a mistake of the host', () => {
  expect(host.internalErrors).toEqual([]);
});
