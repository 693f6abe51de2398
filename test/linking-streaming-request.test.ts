/** Bodies of requests that flow in, and what comes after them, in every way that a guest can run. */
import { describe, expect, test } from 'vitest';
import { FakeSink, FakeSource } from './fake-port.ts';
import { everyWay, TELL, told } from './linking-agreement.ts';
import { answering, TAKE_BODY } from './linking-wat.ts';

/** Says what it reads until there is no more. */
const ECHO = `${TAKE_BODY} ${answering(`(block $end (loop $more
  (call $readAll (local.get $a) (i64.const 4096) (i32.const 32))
  (br_if $end (i32.load8_u (i32.const 32)))
  (call $say (local.get $e) (i32.load (i32.const 36)) (i32.load (i32.const 40)) (i32.const 48))
  (br_if $end (i32.load8_u (i32.const 48)))
  (br $more)))`)}`;

describe('a request body that is still coming', () => {
  test('is read in the pieces in which it comes, each of them answered before the next one', async () => {
    const { observed, port } = await everyWay({ act: ECHO }, () => {
      const requestBody = new FakeSource();
      return {
        requestBody,
        events: [
          () => requestBody.push('one'),
          ({ head, sink }) => {
            expect([head?.status, sink.text, sink.trailers]).toEqual([200, 'one', undefined]);
            requestBody.push('two');
          },
          () => requestBody.end(),
        ],
      };
    });
    expect(observed).toMatchObject({ outcome: 'ok', body: 'onetwo' });
    expect(port.sink.pieces).toEqual(['one', 'two']);
    expect(port.sink.trailers).toEqual([]);
  });

  test('gives nothing to a read that does not wait, and what is left before it says that it has ended', async () => {
    const act = `${TAKE_BODY}
      (call $read (local.get $a) (i64.const 9) (i32.const 256))
      (call $readAll (local.get $a) (i64.const 2) (i32.const 268))
      (call $read (local.get $a) (i64.const 9) (i32.const 280))
      (call $readAll (local.get $a) (i64.const 9) (i32.const 292)) ${TELL(256, 48)}`;
    const scene = () => {
      const requestBody = new FakeSource();
      return {
        requestBody,
        events: [() => requestBody.push('abc'), () => requestBody.end()],
      };
    };
    // Tag and length of each: nothing yet, two bytes, the third, the end.
    expect(await told({ act }, scene, [0, 8, 12, 20, 24, 32, 36, 40])).toEqual([0, 0, 0, 2, 0, 1, 1, 1]);
  });

  test('fails with an error that has a code, and is closed from then on', async () => {
    const act = `${TAKE_BODY}
      (call $readAll (local.get $a) (i64.const 9) (i32.const 256))
      (call $errorCode (i32.load (i32.const 264)) (i32.const 272))
      (call $readAll (local.get $a) (i64.const 9) (i32.const 320)) ${TELL(256, 80)}`;
    const scene = () => {
      const requestBody = new FakeSource();
      return { requestBody, events: [() => requestBody.fail({ tag: 'connection-timeout' })] };
    };
    // An error that is no closing; some code, the ninth; then the error that is.
    expect(await told({ act }, scene, [0, 4, 16, 24, 64, 68])).toEqual([1, 0, 1, 8, 1, 1]);
  });

  test('is passed on by splice as far as the response takes it', async () => {
    const act = `${TAKE_BODY} ${answering(`(block $end (loop $more
      (call $pass (local.get $e) (local.get $a) (i64.const 100) (i32.const 32))
      (br_if $end (i32.load8_u (i32.const 32))) (br $more)))`)}`;
    const { port } = await everyWay({ act }, () => {
      const requestBody = new FakeSource();
      const sink = new FakeSink(3);
      const more = () => {
        sink.budgetBytes = 3;
      };
      return {
        requestBody,
        sink,
        events: [() => requestBody.push('abcdefg'), more, more, () => requestBody.end()],
      };
    });
    expect(port.sink.pieces).toEqual(['abc', 'def', 'g']);
  });

  test('that the guest lets go of is cancelled', async () => {
    const act = `${TAKE_BODY} (call $dropInput (local.get $a)) (call $dropIncoming (local.get $b)) ${answering('')}`;
    const { port } = await everyWay({ act }, () => ({ requestBody: new FakeSource() }));
    expect(port.requestBody.isCancelled).toBe(true);
    const untouched = { act: `(call $dropRequest (local.get $req)) ${answering('')}` };
    const other = await everyWay(untouched, () => ({ requestBody: new FakeSource() }));
    expect(other.port.requestBody.isCancelled).toBe(true);
  });
});

describe('trailers of a request', () => {
  test('come after its body, whether or not the guest has read that', async () => {
    const act = `${TAKE_BODY} (call $dropInput (local.get $a))
      (local.set $a (call $finishIncoming (local.get $b)))
      (call $trailers (local.get $a) (i32.const 256))
      (call $block (call $trailersReady (local.get $a)))
      (call $trailers (local.get $a) (i32.const 320))
      (call $getField (i32.load (i32.const 348)) (i32.const 512) (i32.const 1) (i32.const 400))
      (call $trailers (local.get $a) (i32.const 448)) ${TELL(256, 256)}`;
    const scene = (trailers: string[]) => () => {
      const requestBody = new FakeSource();
      return {
        requestBody,
        events: [() => requestBody.push('unread'), () => requestBody.end(trailers)],
      };
    };
    const text = { act, data: '(data (i32.const 512) "t")' };
    const places = [0, 64, 72, 80, 88, 148, 192, 200];
    const seen = await told(text, scene(['t', 'value', 'connection', 'close']), places);
    // Nothing yet; some, ok, ok, some fields; with one value; refused the second time.
    expect(seen).toEqual([0, 1, 0, 0, 1, 1, 1, 1]);
  });

  test('that are none, or fail to come, are told so', async () => {
    const act = `${TAKE_BODY} (call $dropInput (local.get $a))
      (local.set $a (call $finishIncoming (local.get $b)))
      (call $block (call $trailersReady (local.get $a)))
      (call $trailers (local.get $a) (i32.const 256)) ${TELL(256, 64)}`;
    const none = () => ({ requestBody: FakeSource.whole('body') });
    expect(await told({ act }, none, [0, 8, 16, 24])).toEqual([1, 0, 0, 0]);
    const failing = () => {
      const requestBody = new FakeSource();
      return { requestBody, events: [() => requestBody.fail({ tag: 'connection-terminated' })] };
    };
    expect(await told({ act }, failing, [0, 8, 16, 24])).toEqual([1, 0, 1, 7]);
  });
});
