/** How long listeners wait for what clients have begun to send. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Listener, type ListenerPatience } from '../host/listener.ts';
import { publicApp } from '../host/public-app.ts';
import { PUBLIC_PATIENCE } from '../host/server.ts';
import { example } from './host-guests.ts';
import { closeAll, closeLater, TestHost } from './host-kit.ts';
import { RawTalk, recordOf, Talk } from './stream-kit.ts';

const SHORT = { headMs: 100, lookMs: 10 };
let echo: Uint8Array;

beforeAll(async () => {
  echo = await example('echo');
});

afterEach(closeAll);

/** A host with one more public listener, which waits as it is told to. */
async function listening(patience: ListenerPatience) {
  const host = await TestHost.start({ timeLimitMs: 60_000 });
  await host.deploy('echo', echo);
  await host.deploy('brief', echo, { timeLimitMs: 500 });
  const listener = new Listener(publicApp(host.running.host), patience);
  const origin = await listener.listen('127.0.0.1', 0);
  closeLater(() => listener.close());
  return { host, origin };
}

/** A request of which the guest has had a first piece, and a second one that stops in its headers. */
async function bodyAndHead(origin: string, path: string) {
  const body = new Talk(origin, path);
  await body.send('one');
  expect(await body.take(3)).toBe('one');
  const head = new RawTalk(origin);
  head.write('GET /f/echo HTTP/1.1\r\nHost: a\r\nx-slow');
  return { body, head };
}

describe('the public listener', () => {
  test('refuses a head that does not come in time, and lets a body take longer', async () => {
    const { origin } = await listening({ ...PUBLIC_PATIENCE, ...SHORT });
    const { body, head } = await bodyAndHead(origin, '/f/echo');
    expect(await head.ended()).toMatch(
      /^HTTP\/1\.1 400 .*request-invalid.*a whole request in time, got none/s,
    );
    await body.send('two');
    expect(await body.take(3)).toBe('two');
    body.end();
    expect((await body.rest()).isWhole).toBe(true);
  });

  test('leaves it to the time limit of the function how long a body may take', async () => {
    const { host, origin } = await listening({ ...PUBLIC_PATIENCE, ...SHORT });
    const { body, head } = await bodyAndHead(origin, '/f/brief');
    await head.ended();
    expect((await body.rest()).isWhole).toBe(false);
    expect(await recordOf(host, await body.executionId())).toMatchObject({
      outcome: 'time-limit',
      bytesIn: 3,
    });
  });
});

test('a listener with a time for whole requests breaks off a body that takes longer', async () => {
  const { host, origin } = await listening({ ...SHORT, wholeMs: 1_000 });
  // Compiled before its time counts.
  await host.call('/f/echo', { method: 'POST' });
  const { body } = await bodyAndHead(origin, '/f/echo');
  expect((await body.rest()).isWhole).toBe(false);
  expect(await recordOf(host, await body.executionId())).toMatchObject({ httpStatus: 200, bytesIn: 3 });
});
