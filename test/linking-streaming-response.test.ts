/** Responses that flow out as they are taken, in every way that a guest can run. */
import { describe, expect, test } from 'vitest';
import { type FakePort, FakeSink, FakeSource } from './fake-port.ts';
import { bytes, everyWay, TELL } from './linking-agreement.ts';
import { answering, FINISH, fieldsWith, type GuestText, SAY_OK, TAKE_BODY } from './linking-wat.ts';

describe('a response', () => {
  test('goes at the pace of who takes it', async () => {
    const { port } = await everyWay({ act: answering(SAY_OK) }, () => {
      const sink = new FakeSink(0);
      return {
        sink,
        events: [
          () => undefined,
          () => {
            sink.budgetBytes = 1;
          },
          () => {
            sink.budgetBytes = 5;
          },
        ],
      };
    });
    expect(port.sink.pieces).toEqual(['o', 'k']);
    expect(port.sink.flushes).toBe(1);
  });

  test('permits nothing while nothing is taken, and tells when that changes', async () => {
    const act = answering(`(call $checkWrite (local.get $e) (i32.const 256))
      (call $block (call $outputReady (local.get $e)))
      (call $checkWrite (local.get $e) (i32.const 272))
      (call $put (local.get $e) (i32.const 256) (i32.const 32) (i32.const 48))`);
    const { observed } = await everyWay({ act }, () => {
      const sink = new FakeSink(0);
      return {
        sink,
        events: [
          () => {
            sink.budgetBytes = 32;
          },
        ],
      };
    });
    const view = Buffer.from(bytes(observed.body));
    expect([view.readBigUInt64LE(8), view.readBigUInt64LE(24)]).toEqual([0n, 32n]);
  });

  test('that is flushed to its end takes more by then, or is closed', async () => {
    const act = answering(`(call $put (local.get $e) (i32.const 64) (i32.const 2) (i32.const 48))
      (call $flushAll (local.get $e) (i32.const 256))
      (call $checkWrite (local.get $e) (i32.const 272))
      (call $put (local.get $e) (i32.const 256) (i32.const 32) (i32.const 48))
      (call $flushAll (local.get $e) (i32.const 256))
      (if (i32.and (i32.eq (i32.load8_u (i32.const 256)) (i32.const 1)) (i32.eq (i32.load8_u (i32.const 260)) (i32.const 1)))
        (then (call $exit (i32.const 0))))`);
    const { observed, port } = await everyWay({ act }, () => {
      const sink = new FakeSink(2);
      return {
        sink,
        events: [
          () => undefined,
          () => {
            sink.budgetBytes = 32;
          },
          () => {
            sink.isClosed = true;
          },
        ],
      };
    });
    expect(observed.outcome).toBe('exit');
    const view = Buffer.from(bytes(port.sink.pieces[1]));
    expect([view[0], view.readBigUInt64LE(24)]).toEqual([0, 32n]);
  });

  test('permits at most a mebibyte at once, also while it has nowhere to go', async () => {
    const before = '(call $checkWrite (local.get $e) (i32.const 256))';
    const act = answering(
      '(call $checkWrite (local.get $e) (i32.const 272)) (call $put (local.get $e) (i32.const 256) (i32.const 32) (i32.const 48))',
      { before },
    );
    const { observed } = await everyWay({ act }, () => ({}));
    const view = Buffer.from(bytes(observed.body));
    expect([view.readBigUInt64LE(8), view.readBigUInt64LE(24)]).toEqual([1_048_576n, 1_048_576n]);
  });

  test('traps a write of more than is permitted', async () => {
    const act = answering('(call $put (local.get $e) (i32.const 64) (i32.const 2) (i32.const 48))');
    const { observed, port } = await everyWay({ act }, () => ({ sink: new FakeSink(1) }));
    expect(observed.outcome).toBe('trap');
    expect(observed.message).toMatch(/at most the 1 bytes that check-write permits, got 2/);
    expect(port.sink.aborted).toEqual({ tag: 'connection-terminated' });
  });

  test('that nobody takes any more is closed for the guest, also while it waits', async () => {
    const act = answering(`${SAY_OK} (call $checkWrite (local.get $e) (i32.const 80))
      (if (i32.and (i32.eq (i32.load8_u (i32.const 52)) (i32.const 1)) (i32.eq (i32.load8_u (i32.const 88)) (i32.const 1)))
        (then (call $exit (i32.const 0))))`);
    const { observed } = await everyWay({ act }, () => {
      const sink = new FakeSink(0);
      return {
        sink,
        events: [
          () => {
            sink.isClosed = true;
          },
        ],
      };
    });
    expect(observed.outcome).toBe('exit');
  });

  test('keeps what was written before it was set, and lets it flow as it is taken', async () => {
    const more = (budgetBytes: number) => (port: FakePort) => {
      port.sink.budgetBytes = budgetBytes;
    };
    const before = `${SAY_OK}${SAY_OK}`;
    const { observed, port } = await everyWay({ act: answering(SAY_OK, { before }) }, () => ({
      sink: new FakeSink(1),
      events: [more(2), more(2), more(9)],
    }));
    expect(observed.body).toBe('okokok');
    expect(port.sink.pieces).toEqual(['o', 'k', 'o', 'k', 'o', 'k']);
  });

  test('flows on after the guest has returned, and only then is the execution at its end', async () => {
    const { observed, port } = await everyWay({ act: answering('', { before: SAY_OK }) }, () => {
      const sink = new FakeSink(1);
      return {
        sink,
        events: [
          () => {
            expect(sink.trailers).toBeUndefined();
            sink.budgetBytes = 1;
          },
        ],
      };
    });
    expect(observed.outcome).toBe('ok');
    expect(port.sink.pieces).toEqual(['o', 'k']);
  });

  test('flows while the guest waits for something else', async () => {
    const act = `${TAKE_BODY} ${answering('(call $readAll (local.get $a) (i64.const 9) (i32.const 32))', { before: SAY_OK })}`;
    const { port } = await everyWay({ act }, () => {
      const requestBody = new FakeSource();
      const sink = new FakeSink(1);
      return {
        requestBody,
        sink,
        events: [
          () => {
            sink.budgetBytes = 1;
          },
          () => {
            expect(sink.text).toBe('ok');
            requestBody.end();
          },
        ],
      };
    });
    expect(port.sink.text).toBe('ok');
  });

  test.each([
    ['dropped', '(call $dropOutput (local.get $e)) (call $dropBody (local.get $d))'],
    ['left open', ''],
  ])('whose body is %s is aborted', async (_what, end) => {
    const { observed, port } = await everyWay({ act: answering(SAY_OK, { end }) }, () => ({}));
    expect(observed.outcome).toBe('unfinished');
    expect(port.sink.aborted).toEqual({ tag: 'connection-terminated' });
  });

  test('is aborted where the guest traps after it was begun', async () => {
    const { port } = await everyWay({ act: answering(`${SAY_OK} unreachable`) }, () => ({}));
    expect([port.sink.text, port.sink.aborted]).toEqual(['ok', { tag: 'connection-terminated' }]);
  });

  test('ends the execution when it is too large in all, however fast it is taken', async () => {
    const act = answering(
      `(loop $more (call $say (local.get $e) (i32.const 8192) (i32.const 4096) (i32.const 48)) (br $more))`,
    );
    const { observed } = await everyWay({ act }, () => ({}));
    expect(observed).toMatchObject({ outcome: 'trap', message: 'the response is too large' });
  });
});

describe('a response with a content-length', () => {
  const LENGTH_2 = '(data (i32.const 512) "content-length2")';
  const withLength = (act: string, end = FINISH): GuestText => ({
    data: LENGTH_2,
    act: `${fieldsWith(512, 14, 526, 1)} ${answering(act, { fields: '(local.get $c)', end })}`,
  });

  test('is sent as it is where the body has that length', async () => {
    const { observed, port } = await everyWay(withLength(SAY_OK), () => ({}));
    expect(observed).toMatchObject({ outcome: 'ok', headers: ['content-length: 2'], body: 'ok' });
    expect(port.sink.trailers).toEqual([]);
  });

  test('never sends more, and the write says so', async () => {
    const { observed, port } = await everyWay(withLength(`${SAY_OK}${SAY_OK}`), () => ({}));
    expect(observed.outcome).toBe('unfinished');
    expect(port.sink.text).toBe('ok');
    expect(port.sink.aborted).toEqual({ tag: 'HTTP-response-body-size', val: 4n });
  });

  test('is aborted where the body ends too early', async () => {
    const { observed, port } = await everyWay(withLength(''), () => ({}));
    expect(observed.outcome).toBe('unfinished');
    expect(port.sink.aborted).toEqual({ tag: 'HTTP-response-body-size', val: 0n });
  });

  test('may lack its body where the request was HEAD', async () => {
    const { observed } = await everyWay(withLength(''), () => ({}), { method: 'HEAD' });
    expect(observed).toMatchObject({ outcome: 'ok', headers: ['content-length: 2'], body: '' });
  });

  test('that is none has no body to write', async () => {
    const { act } = withLength('');
    const text = { act: `${act} `, data: '(data (i32.const 512) "content-lengthx")' };
    const { observed } = await everyWay(text, () => ({}));
    expect(observed.outcome).toBe('trap');
  });
});

test('trailers of a response go with its end, but for those that mean nothing there', async () => {
  const end = `(call $dropOutput (local.get $e)) ${fieldsWith(512, 1, 526, 1)}
    (call $append (local.get $c) (i32.const 512) (i32.const 14) (i32.const 526) (i32.const 1) (i32.const 16))
    (call $finish (local.get $d) (i32.const 1) (local.get $c) (i32.const 128))`;
  const text = { data: '(data (i32.const 512) "content-length2")', act: answering(SAY_OK, { end }) };
  const { port } = await everyWay(text, () => ({}));
  expect(port.sink.trailers).toEqual(['c', '2']);
});

test('an informational response goes before the final one, and only a 1xx is one', async () => {
  const inform = (status: number, at: number) =>
    `(call $inform (local.get $out) (i32.const ${status}) (call $fields) (i32.const ${at}))`;
  const act = `${inform(103, 256)} ${inform(200, 296)} ${inform(101, 336)} ${TELL(256, 120)}`;
  const { observed, port } = await everyWay({ act }, () => ({}));
  expect(port.informed).toEqual([{ status: 103, headers: [] }]);
  expect([0, 40, 80].map((at) => bytes(observed.body)[at])).toEqual([0, 1, 1]);
});
