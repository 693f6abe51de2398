/** Streams that do not end as they should: the client, the guest, a limit or the host itself breaks them off. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { example } from './host-guests.ts';
import { closeAll, signalled, TestHost, upstream } from './host-kit.ts';
import { answering, fieldsWith, SAY_OK, TAKE_BODY } from './linking-wat.ts';
import { byHand, RawTalk, recordOf, recordWhere, streaming, Talk, type TalkOptions } from './stream-kit.ts';

let stream: Uint8Array;
let host: TestHost;
const talk = (path: string, options?: TalkOptions) => new Talk(host.publicUrl, path, options);

beforeAll(async () => {
  stream = await streaming();
  host = await TestHost.start({
    workers: 2,
    requestMb: 100,
    responseMb: 100,
    timeLimitMs: 60_000,
    allowOutbound: ['127.0.0.1'],
  });
  await host.deploy('stream', stream);
  const echo = await example('echo');
  await host.deploy('echo', echo);
  await deployWith('small', stream, { requestMb: 1, responseMb: 1 });
  await deployWith('small-echo', echo, { requestMb: 1 });
  await deployWith('short', stream, { timeLimitMs: 300 });
}, 60_000);

afterAll(async () => {
  expect(host.internalErrors).toEqual([]);
  await closeAll();
});

async function deployWith(name: string, component: Uint8Array, settings: object): Promise<void> {
  await host.deploy(name, component);
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(settings);
  const answer = await host.admin(`/v1/functions/${name}/settings`, { method: 'PUT', headers, body });
  expect(answer.status, answer.text).toBeLessThan(300);
}

/** An upstream that answers when it is told to. */
async function slowUpstream() {
  const asked = signalled();
  const answered = signalled();
  const origin = await upstream(async (_request, response) => {
    asked.happens();
    await answered.happened;
    response.end('asked');
  });
  return { origin, asked: asked.happened, answer: answered.happens };
}

describe('a client that goes', () => {
  test('while the guest reads ends what it reads', async () => {
    const echo = talk('/f/echo');
    await echo.send('one');
    expect(await echo.take(3)).toBe('one');
    const id = await echo.executionId();
    echo.leave();
    // The guest takes a body that is cut short for a reason to trap, and its record says so.
    expect(await recordOf(host, id)).toMatchObject({ httpStatus: 200, bytesIn: 3, bytesOut: 3 });
  });

  test('while the guest writes has its writes refused', async () => {
    const flood = talk('/f/stream/flood?n=1500', { method: 'GET' });
    await flood.take(1);
    const id = await flood.executionId();
    flood.leave();
    const record = await recordOf(host, id);
    expect(record).toMatchObject({ outcome: 'client-closed', httpStatus: 200 });
    expect(record.bytesOut).toBeLessThan(1_500 * 65_536);
  });

  test('while the guest waits for an answer leaves a record of that when it has come', async () => {
    const { origin, asked, answer } = await slowUpstream();
    const waiting = talk(`/f/stream/then-ask?url=${origin}/`, { method: 'GET' });
    expect(await waiting.take(5)).toBe('first');
    const id = await waiting.executionId();
    await asked;
    waiting.leave();
    answer();
    expect(await recordOf(host, id)).toMatchObject({
      outcome: 'client-closed',
      httpStatus: 200,
      bytesOut: 5,
      log: 'asking\n',
    });
  });

  test('before the guest has answered leaves a record as well', async () => {
    const { origin, asked, answer } = await slowUpstream();
    const waiting = talk(`/f/stream/ask?url=${origin}/`, { method: 'GET' });
    await asked;
    waiting.leave();
    await new Promise((resolve) => waiting.request.once('close', resolve));
    answer();
    const record = await recordWhere(host, ({ log, bytesOut }) => log === 'asking\n' && bytesOut === 0);
    expect(record).toMatchObject({ outcome: 'client-closed', httpStatus: 499 });
  });
});

describe('a guest that fails after its head has left', () => {
  test('by a trap at once never looks whole', async () => {
    const trapping = talk('/f/stream/then-trap', { method: 'GET' });
    // Where the head has not left by then, the client can still be told.
    const { status, isWhole } = await trapping.response.then(
      async ({ statusCode }) => ({ status: statusCode, isWhole: (await trapping.rest()).isWhole }),
      () => ({ status: 200, isWhole: false }),
    );
    expect(isWhole).toBe(status === 500);
    const record = await recordWhere(host, ({ outcome }) => outcome === 'trap');
    expect(record.httpStatus).toBe(status);
  });

  test('by a trap after a wait shows what it had written', async () => {
    const act = `${TAKE_BODY} ${answering(`${SAY_OK} (call $readAll (local.get $a) (i64.const 9) (i32.const 32)) unreachable`)}`;
    await host.deploy('late-trap', await byHand({ act }));
    const late = talk('/f/late-trap');
    expect(await late.take(2)).toBe('ok');
    late.end();
    expect((await late.rest()).isWhole).toBe(false);
    const record = await recordOf(host, await late.executionId());
    expect(record).toMatchObject({ outcome: 'trap', httpStatus: 200, bytesOut: 2 });
  });

  test('by dropping the body without an end breaks off the connection', async () => {
    const act = `${TAKE_BODY} ${answering(
      `${SAY_OK} (call $readAll (local.get $a) (i64.const 9) (i32.const 32))`,
      {
        end: '(call $dropOutput (local.get $e)) (call $dropBody (local.get $d))',
      },
    )}`;
    await host.deploy('dropping', await byHand({ act }));
    const dropping = talk('/f/dropping');
    expect(await dropping.take(2)).toBe('ok');
    dropping.end();
    expect((await dropping.rest()).isWhole).toBe(false);
    expect(await recordOf(host, await dropping.executionId())).toMatchObject({ outcome: 'invalid-response' });
  });

  test.each([
    ['more', `${SAY_OK} ${SAY_OK}`],
    ['less', ''],
  ])('by %s bytes than it declared never looks whole', async (_what, act) => {
    const length = { fields: '(local.get $c)', before: '' };
    const wait = '(call $readAll (local.get $a) (i64.const 9) (i32.const 32))';
    const text = `${TAKE_BODY} ${fieldsWith(600, 14, 620, 1)} ${answering(`${SAY_OK} ${wait} ${act}`, length)}`;
    const data = '(data (i32.const 600) "content-length") (data (i32.const 620) "3")';
    await host.deploy('declaring', await byHand({ act: text, data }));
    const declaring = talk('/f/declaring');
    expect(await declaring.take(2)).toBe('ok');
    expect((await declaring.response).headers['content-length']).toBe('3');
    declaring.end();
    expect((await declaring.rest()).isWhole).toBe(false);
    expect(await recordOf(host, await declaring.executionId())).toMatchObject({
      outcome: 'invalid-response',
      httpStatus: 200,
    });
  });
});

describe('a limit', () => {
  const MB = 1_048_576;

  test('on the request that is passed in mid-stream is told as long as that can be', async () => {
    const { origin, asked, answer } = await slowUpstream();
    const large = talk(`/f/small/ask-then-read?url=${origin}/`);
    await asked;
    void large.send(Buffer.alloc(2 * MB));
    answer();
    expect((await large.response).statusCode).toBe(413);
    const { body } = await large.rest();
    expect(JSON.parse(body.toString()).error.code).toBe('request-too-large');
    expect(await recordOf(host, await large.executionId())).toMatchObject({
      outcome: 'interrupted',
      httpStatus: 413,
    });
    large.leave();
  });

  test('on the request that is passed after the head breaks off the connection', async () => {
    const large = talk('/f/small-echo');
    await large.send('one');
    expect(await large.take(3)).toBe('one');
    const rest = large.rest();
    void large.send(Buffer.alloc(2 * MB));
    expect((await rest).isWhole).toBe(false);
    expect(await recordOf(host, await large.executionId())).toMatchObject({ httpStatus: 200 });
  });

  test('on the response that is passed in mid-stream breaks off the connection', async () => {
    const large = talk('/f/small/flood?n=17', { method: 'GET' });
    const { isWhole, body } = await large.rest();
    expect(isWhole).toBe(false);
    expect(body.length).toBeLessThanOrEqual(MB);
    expect(await recordOf(host, await large.executionId())).toMatchObject({
      outcome: 'response-too-large',
      httpStatus: 200,
    });
  });

  test.each([
    ['while the guest computes', 'then-spin', 'GET'],
    ['while the guest waits for a client that sends nothing', 'then-read', 'POST'],
  ])('of time passes %s', async (_when, path, method) => {
    const limited = talk(`/f/short/${path}`, { method });
    expect(await limited.take(5)).toBe('first');
    expect((await limited.rest()).isWhole).toBe(false);
    expect(await recordOf(host, await limited.executionId())).toMatchObject({
      outcome: 'time-limit',
      httpStatus: 200,
      bytesOut: 5,
    });
    expect((await host.call('/f/short/early')).text).toBe('early');
  });

  test('of time that passes before any answer is told with 504', async () => {
    const { origin, answer } = await slowUpstream();
    answer();
    const late = talk(`/f/short/ask-then-read?url=${origin}/`);
    expect((await late.response).statusCode).toBe(504);
    expect(JSON.parse((await late.rest()).body.toString()).error.code).toBe('guest-time-limit');
    late.leave();
  });
});

test('what a guest has flushed is on its way while it goes on', async () => {
  const working = talk('/f/stream/then-work?n=400', { method: 'GET' });
  expect(await working.take(5)).toBe('first');
  const id = await working.executionId();
  expect((await host.executions()).map((record) => record.id)).not.toContain(id);
  expect((await working.rest()).body.toString()).toBe('last');
});

describe('a host that stops', () => {
  test('ends a response that is under way whole, and what its guest does after that', async () => {
    const stopping = await TestHost.start({ workers: 1, timeLimitMs: 60_000 });
    await stopping.deploy('echo', await example('echo'));
    const echo = new Talk(stopping.publicUrl, '/f/echo');
    await echo.send('one');
    expect(await echo.take(3)).toBe('one');
    const stopped = stopping.stop();
    await echo.send('two');
    expect(await echo.take(3)).toBe('two');
    echo.end();
    expect(await echo.rest()).toMatchObject({ isWhole: true });
    expect(await stopped).toBe(true);
    const again = await TestHost.start({ dataDir: stopping.dataDir });
    expect(await recordOf(again, await echo.executionId())).toMatchObject({ outcome: 'ok', bytesOut: 6 });
  });

  test('records what it had to break off', async () => {
    const stopping = await TestHost.start({ workers: 1, timeLimitMs: 60_000, drainTimeoutMs: 50 });
    await stopping.deploy('echo', await example('echo'));
    const echo = new Talk(stopping.publicUrl, '/f/echo');
    await echo.send('one');
    expect(await echo.take(3)).toBe('one');
    const rest = echo.rest();
    expect(await stopping.stop()).toBe(false);
    expect((await rest).isWhole).toBe(false);
    const again = await TestHost.start({ dataDir: stopping.dataDir });
    expect((await recordOf(again, await echo.executionId())).httpStatus).toBe(200);
  });
});

test('a request that is cut short in its head runs nothing', async () => {
  const raw = new RawTalk(host.publicUrl);
  raw.write('POST /f/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nfour');
  raw.socket.end();
  await raw.ended();
  expect((await host.call('/f/stream/early')).text).toBe('early');
});
