/** Bodies that flow through a whole host, both ways at once and no faster than they are taken. */
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { parse, print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { example } from './host-guests.ts';
import { closeAll, type Listed, signalled, TestHost, upstream } from './host-kit.ts';
import { answering, fieldsWith, SAY_OK, TAKE_BODY } from './linking-wat.ts';
import { byHand, RawTalk, recordOf, recordWhere, streaming, Talk, type TalkOptions } from './stream-kit.ts';

let host: TestHost;
const talk = (path: string, options?: TalkOptions) => new Talk(host.publicUrl, path, options);

beforeAll(async () => {
  host = await TestHost.start({
    workers: 2,
    requestMb: 100,
    responseMb: 100,
    timeLimitMs: 120_000,
    allowOutbound: ['127.0.0.1'],
  });
  const echo = await example('echo');
  await host.deploy('echo', echo);
  // With a component inside, which only generated code can link.
  const text = (await print(echo)).replace(/\)\s*$/, '(component (core module)))');
  await host.deploy('generated', await parse(text));
  await host.deploy('stream', await streaming());
}, 60_000);

afterAll(async () => {
  expect(host.internalErrors).toEqual([]);
  await closeAll();
});

const ENCODINGS = [
  ['in chunks', (_lengthBytes: number) => ({})],
  ['of a length that was told', (lengthBytes: number) => ({ 'content-length': lengthBytes })],
] as const;

describe.each(['echo', 'generated'])('the guest %s', (name) => {
  test.each(ENCODINGS)(
    'answers each piece of a body %s before the next one is sent',
    async (_how, headers) => {
      const pieces = ['one', 'two', 'three', 'x'.repeat(70_000), 'y'];
      const echo = talk(`/f/${name}`, { headers: headers(pieces.join('').length) });
      for (const piece of pieces) {
        await echo.send(piece);
        expect(await echo.take(piece.length)).toBe(piece);
      }
      echo.end();
      expect(await echo.rest()).toMatchObject({ isWhole: true, body: Buffer.alloc(0) });
      const length = pieces.join('').length;
      expect(await recordOf(host, await echo.executionId())).toMatchObject({
        outcome: 'ok',
        httpStatus: 200,
        bytesIn: length,
        bytesOut: length,
      });
    },
  );

  test.each(ENCODINGS)('gives back a long body %s, byte for byte', async (_how, headers) => {
    const sent = randomBytes(8 * 1_048_576 + 7);
    const echo = talk(`/f/${name}`, { headers: headers(sent.length) });
    const got = echo.rest();
    echo.request.end(sent);
    const { body, isWhole } = await got;
    expect(isWhole).toBe(true);
    expect(body.equals(sent)).toBe(true);
    expect(await recordOf(host, await echo.executionId())).toMatchObject({ bytesOut: sent.length });
  });
});

/** Far more than a connection and the windows hold together. */
const LONG_MB = 48;
const HELD_MB_MAX = 24;

describe('whoever is slower', () => {
  test('stops the guest: it writes no more than the client takes', async () => {
    const flood = talk(`/f/stream/flood?n=${LONG_MB * 16}`, { method: 'GET' });
    await flood.take(5);
    const id = await flood.executionId();
    // All that can happen without the client happens; the guest is not done by then.
    for (let count = 0; count < 50; count++) {
      expect((await host.call('/f/stream/early')).text).toBe('early');
      expect((await host.executions()).map((record) => record.id)).not.toContain(id);
    }
    const { body, isWhole } = await flood.rest();
    expect([body.length, isWhole]).toEqual([LONG_MB * 1_048_576 - 5, true]);
    expect(await recordOf(host, id)).toMatchObject({ outcome: 'ok', bytesOut: LONG_MB * 1_048_576 });
  });

  test('stops the client: it sends no more than the guest reads', async () => {
    const asked = signalled();
    let answer = () => {};
    const origin = await upstream((_request, response) => {
      answer = () => response.end();
      asked.happens();
    });
    const sending = talk(`/f/stream/ask-then-read?url=${origin}/`);
    await asked.happened;
    const piece = Buffer.alloc(1_048_576);
    let sentMb = 0;
    const sent = (async () => {
      for (; sentMb < LONG_MB; sentMb++) await sending.send(piece);
      sending.end();
    })();
    for (let count = 0; count < 50; count++) await host.call('/f/stream/early');
    expect(sentMb).toBeLessThan(HELD_MB_MAX);
    answer();
    await sent;
    expect((await sending.rest()).body.toString()).toBe(String(LONG_MB * 1_048_576));
  });
});

describe('trailers', () => {
  test('come with the request and leave with the response', async () => {
    // Reads to the end, takes the trailers of the request, and ends the response with the very same.
    const end = `(call $dropInput (local.get $a)) (local.set $a (call $finishIncoming (local.get $b)))
      (call $block (call $trailersReady (local.get $a)))
      (call $trailers (local.get $a) (i32.const 256))
      (call $dropOutput (local.get $e))
      (call $finish (local.get $d) (i32.const 1) (i32.load (i32.const 284)) (i32.const 128))`;
    const read = '(call $readAll (local.get $a) (i64.const 4096) (i32.const 32))';
    const act = `${TAKE_BODY} ${answering(`${SAY_OK} ${read}`, { end })}`;
    await host.deploy('trailers', await byHand({ act }));
    const sending = talk('/f/trailers', { headers: { trailer: 'x-sum' } });
    await sending.send('body');
    expect(await sending.take(2)).toBe('ok');
    sending.end({ 'x-sum': 'k\u00e4se' });
    const { isWhole, trailers } = await sending.rest();
    expect([isWhole, trailers['x-sum']]).toEqual([true, 'k\u00e4se']);
  });

  test.each([
    ['where the length is known', 'GET', '1.1', '&length=5'],
    ['to a client of HTTP/1.0', 'GET', '1.0', ''],
    ['to HEAD', 'HEAD', '1.1', ''],
  ])('are not announced %s, for none can follow', async (_where, method, version, more) => {
    const origin = await upstream((_request, response) => response.end());
    const raw = new RawTalk(host.publicUrl);
    const path = `/f/stream/then-ask?url=${origin}/&trailer=x-sum${more}`;
    raw.write(`${method} ${path} HTTP/${version}\r\nhost: x\r\nconnection: close\r\n\r\n`);
    const text = await raw.ended();
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).not.toMatch(/x-sum/);
    expect(text.endsWith('first')).toBe(method === 'GET');
  });
});

test('an informational response comes before the final one', async () => {
  const inform = `${fieldsWith(600, 4, 610, 9)}
    (call $inform (local.get $out) (i32.const 103) (local.get $c) (i32.const 240))`;
  const act = `${inform} ${TAKE_BODY} (call $readAll (local.get $a) (i64.const 9) (i32.const 32)) ${answering(SAY_OK)}`;
  const data = '(data (i32.const 600) "link") (data (i32.const 610) "</s.css>;")';
  await host.deploy('hints', await byHand({ act, data }));
  const hinted = talk('/f/hints');
  await new Promise((resolve) => hinted.request.once('information', resolve));
  expect(hinted.informed).toMatchObject([{ status: 103, headers: { link: '</s.css>;' } }]);
  hinted.end();
  expect((await hinted.rest()).body.toString()).toBe('ok');
  const old = new RawTalk(host.publicUrl);
  old.write('GET /f/hints HTTP/1.0\r\n\r\n');
  expect(await old.ended()).toMatch(/^HTTP\/1\.1 200 OK/);
});

test('informational responses do not pile up for a client that takes none', async () => {
  const act = `(memory.fill (i32.const 65536) (i32.const 120) (i32.const 100000))
    (loop $again
      ${fieldsWith(65_536, 1, 65_536, 100_000)}
      (call $inform (local.get $out) (i32.const 103) (local.get $c) (i32.const 240))
      (br_if $again (i32.lt_u (local.tee $b (i32.add (local.get $b) (i32.const 1))) (i32.const 500))))
    ${answering(SAY_OK)}`;
  await host.deploy('insistent', await byHand({ act, memory: '3' }));
  const slow = new RawTalk(host.publicUrl);
  slow.socket.pause();
  slow.write('GET /f/insistent HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await recordWhere(host, ({ functionName }) => functionName === 'insistent');
  slow.socket.resume();
  const all = await slow.ended();
  expect(all).toMatch(/^HTTP\/1\.1 103 /);
  expect(all).toMatch(/\r\n\r\nok$/);
  // Of 50 MB as much as the system holds for a connection, and a little more.
  expect(all.length).toBeLessThan(30_000_000);
});

describe('a response that is there before the request', () => {
  test('leaves the connection to the next request, once the rest of the body was thrown away', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const early = talk('/f/stream/early', { agent, headers: { 'content-length': 2_000_000 } });
    expect((await early.response).statusCode).toBe(200);
    const rest = early.rest();
    early.request.end(Buffer.alloc(2_000_000));
    expect((await rest).body.toString()).toBe('early');
    const socket = early.request.socket;
    const next = await host.call('/f/echo', { agent, method: 'POST', body: 'next' });
    expect(next.text).toBe('next');
    const last = talk('/f/stream/early', { agent, method: 'GET' });
    expect((await last.rest()).body.toString()).toBe('early');
    expect(last.request.socket).toBe(socket);
    agent.destroy();
  });
});

describe('on one connection', () => {
  const get = (path: string, version = '1.1', more = '') =>
    `GET ${path} HTTP/${version}\r\nhost: x\r\n${more}\r\n`;

  const post = (path: string, body: string) =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

  test('requests that were sent at once are answered in their order, streams between them', async () => {
    const origin = await upstream((_request, response) => response.end('asked'));
    const raw = new RawTalk(host.publicUrl);
    raw.write(
      [
        get(`/f/stream/then-ask?url=${origin}/`),
        get('/f/stream/early'),
        'POST /f/echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n',
        get('/f/stream/flood?n=20'),
        get('/f/stream/early', '1.1', 'connection: close\r\n'),
      ].join(''),
    );
    const text = await raw.ended();
    const heads = text.split(/(?=HTTP\/1\.1 )/);
    expect(heads.map((one) => one.slice(0, 12))).toEqual(Array(5).fill('HTTP/1.1 200'));
    expect(heads[0]).toContain('5\r\nfirst\r\n');
    expect(heads[0]).toContain('5\r\nasked\r\n0\r\n\r\n');
    expect(heads[1]?.endsWith('early')).toBe(true);
    expect(heads[2]).toContain('one');
    expect(heads[3]?.match(/\0/g)?.length).toBe(20 * 65_536);
    expect(heads[4]?.endsWith('early')).toBe(true);
  });

  test('those behind the first end with it when the client goes', async () => {
    const firstAsks = signalled();
    const secondAsks = signalled();
    const moreThanRoom = 'x'.repeat(8 * 2 ** 20);
    const origin = await upstream((request, response) => {
      if (request.url === '/second') {
        secondAsks.happens();
        response.end(moreThanRoom);
      } else {
        response.flushHeaders();
        firstAsks.happens();
      }
    });
    const raw = new RawTalk(host.publicUrl);
    raw.write(get(`/f/stream/ask?url=${origin}/first`));
    raw.write(post(`/f/stream/then-ask?url=${origin}/second`, 'one'));
    await Promise.all([firstAsks.happened, secondAsks.happened]);
    raw.socket.destroy();
    const isGone = ({ outcome, bytesIn }: Listed) => outcome === 'client-closed' && bytesIn === 3;
    expect(await recordWhere(host, isGone)).toMatchObject({ httpStatus: 200 });
  });

  test('a body is announced with 100-continue, but not to HTTP/1.0, which does not know it', async () => {
    const raw = new RawTalk(host.publicUrl);
    raw.write('POST /f/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n');
    expect(await raw.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    raw.write('one');
    expect(await raw.until('one')).toContain('HTTP/1.1 200 OK');
    const old = new RawTalk(host.publicUrl);
    old.write('POST /f/echo HTTP/1.0\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\none');
    expect(await old.ended()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test('HTTP/1.0 gets a stream without chunks, which ends with the connection', async () => {
    const origin = await upstream((_request, response) => response.end('asked'));
    const raw = new RawTalk(host.publicUrl);
    raw.write(get(`/f/stream/then-ask?url=${origin}/`, '1.0'));
    const text = await raw.ended();
    expect(text).not.toMatch(/transfer-encoding/i);
    expect(text.endsWith('\r\n\r\nfirstasked')).toBe(true);
  });

  test.each([
    ['HEAD', '/f/stream/then-ask?url='],
    ['GET', '/f/stream/empty?n=204&url='],
    ['GET', '/f/stream/empty?n=304&url='],
  ])('%s of %s has no body, and the next response comes behind it', async (method, path) => {
    const origin = await upstream((_request, response) => response.end('asked'));
    const raw = new RawTalk(host.publicUrl);
    raw.write(`${method} ${path}${origin}/ HTTP/1.1\r\nhost: x\r\n\r\n`);
    raw.write(get('/f/stream/early', '1.1', 'connection: close\r\n'));
    const [first, second] = (await raw.ended()).split(/(?=HTTP\/1\.1 )/);
    expect(first?.endsWith('\r\n\r\n')).toBe(true);
    expect(second?.endsWith('early')).toBe(true);
  });
});
