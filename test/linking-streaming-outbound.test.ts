/** Outbound requests whose bodies flow in both directions, in every way that a guest can run. */
import { describe, expect, test } from 'vitest';
import type { OutboundAnswer } from '../host/wasi/execution-port.ts';
import { FakeSink, FakeSource } from './fake-port.ts';
import { bytes, everyWay, type Scene, told } from './linking-agreement.ts';
import { FINISH, type GuestText, SAY_OK } from './linking-wat.ts';

describe('an outbound request', () => {
  /** Sends what `$c` is made of; its body goes into `$d`, the body's stream into `$e`, the future into `$a`. */
  const send = (between: string) => `(local.set $c (call $request (call $fields)))
    (drop (call $setAuthority (local.get $c) (i32.const 1) (i32.const 64) (i32.const 2)))
    (call $requestBody (local.get $c) (i32.const 16)) (local.set $d (i32.load (i32.const 20)))
    (call $write (local.get $d) (i32.const 16)) (local.set $e (i32.load (i32.const 20)))
    ${between}
    (call $send (local.get $c) (i32.const 0) (i32.const 0) (i32.const 256))
    (local.set $a (i32.load (i32.const 264)))`;
  const AWAIT =
    '(call $block (call $subscribe (local.get $a))) (call $answer (local.get $a) (i32.const 320))';
  const answered = (): OutboundAnswer => ({
    tag: 'ok',
    status: 200,
    headers: [],
    body: FakeSource.whole('from there'),
  });
  const respond = (act: string): GuestText => ({ act, answer: ['(i32.const 320)', '(i32.const 64)'] });

  test('leaves at once, its body as it is written, and its answer when it comes', async () => {
    const text = respond(`${send('')} ${SAY_OK} ${FINISH} ${AWAIT}`);
    const scene = (): Scene => ({
      upstreamSink: new FakeSink(0),
      events: [
        ({ calls }) => {
          expect(calls.map(({ head, body }) => [head.bodyBytes, body.text])).toEqual([[undefined, '']]);
          (calls[0]?.body as FakeSink).budgetBytes = 2;
        },
        ({ calls: [call] }) => {
          expect([call?.body.text, call?.body.trailers]).toEqual(['ok', []]);
          (call as { answer: unknown }).answer = answered();
        },
      ],
    });
    // Some, ok, ok.
    expect(await told(text, scene, [0, 8, 16])).toEqual([1, 0, 0]);
  });

  test('whose body is complete before says how long it is, and flows while the guest waits', async () => {
    const act = `${send(`${SAY_OK} ${FINISH}`)} ${AWAIT}`;
    const { port } = await everyWay({ act, answer: ['(i32.const 64)', '(i32.const 2)'] }, () => ({
      upstreamSink: new FakeSink(1),
      events: [
        ({ calls: [call] }) => {
          expect(call?.head.bodyBytes).toBe(2);
          (call?.body as FakeSink).budgetBytes = 1;
        },
        ({ calls: [call] }) => {
          (call as { answer: unknown }).answer = answered();
        },
      ],
    }));
    expect(port.calls[0]?.body.pieces).toEqual(['o', 'k']);
  });

  test.each([
    ['before it is sent', send('(call $dropOutput (local.get $e)) (call $dropBody (local.get $d))'), 0],
    ['after it was sent', `${send('')} (call $dropOutput (local.get $e)) (call $dropBody (local.get $d))`, 1],
  ])('fails where its body is dropped %s', async (_when, act, calls) => {
    const { observed, port } = await everyWay(respond(`${act} ${AWAIT}`), () => ({}));
    // Some, ok, err, connection-terminated.
    expect([0, 8, 16, 24].map((at) => bytes(observed.body)[at])).toEqual([1, 0, 1, 7]);
    expect(port.calls.map(({ body }) => body.aborted)).toEqual(
      Array.from({ length: calls }, () => ({ tag: 'connection-terminated' })),
    );
  });

  test('is cancelled where its future is dropped, and aborted where the guest returns before its end', async () => {
    const { port } = await everyWay(respond(`${send('')} (call $dropFuture (local.get $a))`), () => ({}));
    expect(port.calls[0]).toMatchObject({
      isCancelled: true,
      body: { aborted: { tag: 'connection-terminated' } },
    });
  });

  test('has an answer whose body comes in pieces', async () => {
    const act = `${send(FINISH)} ${AWAIT}
      (call $consumeAnswer (i32.load (i32.const 344)) (i32.const 16))
      (call $bodyStream (i32.load (i32.const 20)) (i32.const 16)) (local.set $a (i32.load (i32.const 20)))
      (call $readAll (local.get $a) (i64.const 9) (i32.const 16))
      (i32.store (i32.const 400) (i32.load (i32.const 20))) (i32.store (i32.const 404) (i32.load (i32.const 24)))`;
    const text = { act, answer: ['(i32.load (i32.const 400))', '(i32.load (i32.const 404))'] } as const;
    const { observed } = await everyWay(text, () => {
      const body = new FakeSource();
      return {
        upstream: () => ({ tag: 'ok', status: 200, headers: [], body }),
        events: [() => body.push('piece')],
      };
    });
    expect(observed.body).toBe('piece');
  });
});
