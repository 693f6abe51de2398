/** Guests that fail: each wrong deed ends its own execution alone, with a code that says what it was. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CORNERS, example, guestOf, handMade, plain, WRONGDOERS } from './host-guests.ts';
import { closeAll, errorOf, TestHost } from './host-kit.ts';

let host: TestHost;

beforeAll(async () => {
  // One thread, so that whatever a guest breaks would be there for the next one to find.
  host = await TestHost.start({ workers: 1, memoryMb: 16, responseMb: 1, requestMb: 1, timeLimitMs: 20_000 });
  await host.deploy('burn', await example('burn'));
  await host.deploy('corners', await guestOf(CORNERS));
  await host.deploy('plain', await plain());
});

afterAll(closeAll);

const lastRecord = async () => (await host.executions())[0]!;

describe('a guest that', () => {
  test.each([
    ['sets no response', 'guest-no-response', 'no-response', /without setting a response/],
    ['drops the out-parameter', 'guest-no-response', 'no-response', /without setting a response/],
    ['sets a response twice', 'guest-trap', 'trap', /trapped/],
    ['does not finish its body', 'guest-response-invalid', 'invalid-response', /did not finish/],
    ['answers with an error', 'guest-response-invalid', 'invalid-response', /error connection-terminated$/],
    ['uses a handle that it does not have', 'guest-trap', 'trap', /trapped/],
    ['writes from outside of its memory', 'guest-trap', 'trap', /trapped/],
    ['writes more at once than a stream takes', 'guest-trap', 'trap', /at most 4096 bytes, got 4097/],
    [
      'fills one response after the other',
      'guest-response-too-large',
      'response-too-large',
      /bodies of at most 1048576 bytes/,
    ],
    ['traps while it starts', 'guest-trap', 'trap', /trapped/],
    ['exits with success', 'guest-exit', 'exit', /exit with success/],
    ['exits with failure', 'guest-exit', 'exit', /exit with failure/],
  ])('%s is answered with 500 %s, and the next request is served', async (deed, code, outcome, words) => {
    await host.deploy('wrong', await handMade(WRONGDOERS[deed]!));
    const answer = await host.call('/f/wrong');
    expect(answer.status).toBe(500);
    expect(errorOf(answer)).toMatchObject({ code, fault: 'guest', message: expect.stringMatching(words) });
    const record = await lastRecord();
    expect(record).toMatchObject({ functionName: 'wrong', outcome, httpStatus: 500, bytesOut: 0 });
    expect(answer.headers['x-ebb-execution']).toBe(String(record.id));
    expect(await host.call('/f/plain')).toMatchObject({ status: 200, text: 'ok' });
  });

  test('traps is answered with 500, and what it had printed is in the ledger', async () => {
    expect(errorOf(await host.call('/f/burn/trap')).code).toBe('guest-trap');
    expect(await lastRecord()).toMatchObject({ outcome: 'trap', functionName: 'burn' });
    await host.call('/f/corners/header?name=bad%20name&value=x');
    expect((await lastRecord()).log).toMatch(/the host refuses a header/);
  });

  test('calls itself without end traps, and the thread lives on', async () => {
    expect(errorOf(await host.call('/f/corners/deep'))).toMatchObject({
      code: 'guest-trap',
      message: expect.stringMatching(/stack/i),
    });
    expect((await host.call('/f/plain')).text).toBe('ok');
  });

  test('never ends is answered with 504 and its time is recorded, and the next request is served', async () => {
    const brief = await TestHost.start({ workers: 1, timeLimitMs: 1_000 });
    await brief.deploy('burn', await example('burn'));
    const answer = await brief.call('/f/burn/spin');
    expect(answer.status).toBe(504);
    expect(errorOf(answer)).toMatchObject({ code: 'guest-time-limit', fault: 'guest' });
    const [record] = await brief.executions();
    expect(record).toMatchObject({ outcome: 'time-limit', httpStatus: 504 });
    expect(record!.runUs).toBeGreaterThanOrEqual(900_000);
    // Processor time is that of start-up and run, and nobody uses more than passes.
    expect(record!.cpuUs).toBeLessThanOrEqual(record!.startupUs + record!.runUs);
    expect((await brief.call('/f/burn/fib/10')).text).toBe('55\n');
  });

  test('wants more memory than the limit does not get it', async () => {
    expect(errorOf(await host.call('/f/burn/alloc/200')).code).toBe('guest-trap');
    const { memoryBytesPeak } = await lastRecord();
    expect(memoryBytesPeak).toBeGreaterThan(8 * 1_048_576);
    expect(memoryBytesPeak).toBeLessThanOrEqual(16 * 1_048_576);
    expect((await host.call('/f/burn/alloc/8')).text).toBe('8\n');
  });

  test('starts with more memory than the limit is refused when it is deployed', async () => {
    const answer = await host.put('huge', await plain({ memory: '1000' }));
    expect(answer.status).toBe(422);
    expect(errorOf(answer)).toMatchObject({
      code: 'component-invalid',
      message: expect.stringMatching(/at most 256 pages.*got 1000/),
    });
  });

  test('gives a response of the largest size is served, and of one byte more is cut off', async () => {
    const most = await host.call(`/f/corners/size?n=${1_048_576}`);
    expect(most.status).toBe(200);
    expect(most.body.length).toBe(1_048_576);
    expect(await lastRecord()).toMatchObject({ outcome: 'ok', bytesOut: 1_048_576 });
    // Its head and much of its body have left by then.
    await expect(host.call(`/f/corners/size?n=${1_048_577}`)).rejects.toThrow('aborted');
    const over = await lastRecord();
    expect(over).toMatchObject({ outcome: 'response-too-large', httpStatus: 200 });
    expect(over.bytesOut).toBeLessThanOrEqual(1_048_576);
  });

  test('prints without end keeps only the first 64 KiB', async () => {
    expect((await host.call('/f/corners/flood?n=20000')).status).toBe(200);
    const { log } = await lastRecord();
    expect(log.length).toBe(65_536);
    expect(log).toMatch(/^0123456789\n/);
  });

  test.each([
    ['a status that HTTP does not know', '/status?n=99'],
    ['an interim status', '/status?n=100'],
    ['a status above 599', '/status?n=600'],
    ['a header of the connection', '/header?name=connection&value=close'],
    ['a header that frames the message', '/header?name=transfer-encoding&value=chunked'],
    ['a header name with a space', '/header?name=a%20b&value=1'],
    ['a header value with a line break', '/header?name=a&value=b%0D%0Ac'],
    ['more headers than the host holds', '/many?n=140'],
    ['an empty header name', '/header?name=&value=1'],
  ])('gives %s is told so, and traps', async (_what, path) => {
    expect(errorOf(await host.call(`/f/corners${path}`)).code).toBe('guest-trap');
  });
});

test('no wrong guest was called a mistake of the host', () => {
  expect(host.internalErrors).toEqual([]);
});
