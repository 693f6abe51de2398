/** Many streams at once: executions that wait cost no thread, and as many as there are slots for them. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { NESTED_LEVELS_MAX } from '../host/nested-calls.ts';
import { SLOTS_MAX } from '../host/threads/shared-slot.ts';
import { example } from './host-guests.ts';
import { closeAll, errorOf, signalled, TestHost, upstream } from './host-kit.ts';
import { recordOf, streaming, Talk } from './stream-kit.ts';

let stream: Uint8Array;
let hello: Uint8Array;

beforeAll(async () => {
  [stream, hello] = await Promise.all([streaming(), example('hello')]);
}, 60_000);

afterEach(closeAll);

/** An upstream that lets all who ask wait until it is told to answer. */
async function waitingRoom(expected: number) {
  const full = signalled();
  const opened = signalled();
  let asked = 0;
  const origin = await upstream(async (_request, response) => {
    asked++;
    if (asked === expected) full.happens();
    await opened.happened;
    response.end('asked');
  });
  return { origin, full: full.happened, open: opened.happens };
}

const started = (settings = {}) =>
  TestHost.start({ workers: 2, timeLimitMs: 60_000, allowOutbound: ['127.0.0.1'], ...settings });

describe('executions that wait', () => {
  test('leave their thread to others, and their record tells no processor time for it', async () => {
    const host = await started({ workers: 1 });
    await host.deploy('stream', stream);
    await host.deploy('hello', hello);
    const { origin, full, open } = await waitingRoom(100);
    const waiting = Array.from({ length: 100 }, () => host.call(`/f/stream/ask?url=${origin}/`));
    await full;
    for (let count = 0; count < 20; count++)
      expect((await host.call('/f/hello')).text).toBe('Hello from Ebb\n');
    expect(await host.executions('&function=stream')).toEqual([]);
    open();
    for (const { text } of await Promise.all(waiting)) expect(text).toBe('asked');
    const records = await host.executions('&function=stream');
    expect(records.map(({ log }) => log)).toEqual(Array(100).fill('asking\n'));
    for (const { cpuUs, runUs } of records) expect(cpuUs).toBeLessThan(runUs);
    expect(host.internalErrors).toEqual([]);
  });

  test('end one by one when their clients go, and give back what they held', async () => {
    const host = await started();
    await host.deploy('stream', stream);
    const gone = SLOTS_MAX / 4 + 10;
    for (let round = 0; round < 4; round++) {
      const { origin, full, open } = await waitingRoom(gone);
      const talks = Array.from(
        { length: gone },
        () => new Talk(host.publicUrl, `/f/stream/then-ask?url=${origin}/`, { method: 'GET' }),
      );
      await full;
      for (const talk of talks) talk.leave();
      open();
    }
    // Which of the two came first, the end of the client or that of the response, is for the system to say.
    const outcomes = async () => (await host.executions()).map(({ outcome }) => outcome);
    while ((await outcomes()).length < 4 * gone);
    expect(new Set(['ok', ...(await outcomes())])).toEqual(new Set(['ok', 'client-closed']));
    for (let count = 0; count < 100; count += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => host.call('/f/stream/early')));
      expect(answers.map(({ text }) => text)).toEqual(Array(20).fill('early'));
    }
    expect(host.internalErrors).toEqual([]);
  }, 60_000);

  test('are as many as there are slots, and those beyond them wait in the queue', async () => {
    const host = await started({ queueTimeoutMs: 60_000 });
    // A function has at most 320 executions at once, and some slots are kept for functions that it may call.
    const slots = SLOTS_MAX - NESTED_LEVELS_MAX;
    await host.deploy('one', stream);
    await host.deploy('two', stream);
    await deployWith(host, 'late', { queueLimit: 5 });
    const { origin, full, open } = await waitingRoom(slots);
    const answers = Array.from({ length: slots }, (_, index) =>
      host.call(`/f/${index % 2 ? 'one' : 'two'}/ask?url=${origin}/`),
    );
    await full;
    const late = Array.from({ length: 7 }, () => host.call('/f/late/early'));
    const refused = await Promise.any(late);
    expect([refused.status, errorOf(refused).code]).toEqual([503, 'queue-full']);
    open();
    for (const { text } of await Promise.all(answers)) expect(text).toBe('asked');
    const statuses = (await Promise.all(late)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 200, 200, 200, 200, 503, 503]);
    expect(host.internalErrors).toEqual([]);
  }, 60_000);
});

describe('a thread that has to be ended', () => {
  test('is not ended for an execution that only waits behind another one', async () => {
    const host = await started({ workers: 1 });
    await host.deploy('stays', stream);
    await deployWith(host, 'waits', { timeLimitMs: 1_000 });
    await deployWith(host, 'works', { timeLimitMs: 2_500 });
    // One for each thread that is added before executions share theirs; then one more for each.
    const talk = (path: string) => new Talk(host.publicUrl, path);
    const stays = await Promise.all(Array.from({ length: 9 }, () => begun(talk('/f/stays/then-read'))));
    const waits = await Promise.all(Array.from({ length: 9 }, () => begun(talk('/f/waits/then-read'))));
    const works = await begun(talk('/f/works/then-spin'));
    for (const one of [...waits, works]) expect((await one.rest()).isWhole).toBe(false);
    for (const one of [...waits, works])
      expect((await recordOf(host, await one.executionId())).outcome).toBe('time-limit');
    for (const one of stays) {
      one.end();
      expect((await one.rest()).body.toString()).toBe('0');
    }
  }, 60_000);
});

async function deployWith(host: TestHost, name: string, settings: object): Promise<void> {
  await host.deploy(name, stream);
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(settings);
  await host.admin(`/v1/functions/${name}/settings`, { method: 'PUT', headers, body });
}

async function begun(talk: Talk): Promise<Talk> {
  expect(await talk.take(5)).toBe('first');
  return talk;
}
