/**
 * Bodies that flow, in every way that a guest can run: by generated code and directly in a thread that blocks, and
 * directly where the guest is suspended while it waits.
 */
import { describe, expect, test } from 'vitest';
import type { OutboundAnswer } from '../host/wasi/execution-port.ts';
import { FakeNews, FakePort, type FakePortOptions, FakeSink, FakeSource } from './fake-port.ts';
import { type Ask, comparable, linkBoth, type Observed, toComponent } from './linking-harness.ts';
import {
  answering,
  FINISH,
  fieldsWith,
  type GuestText,
  guestText,
  SAY_OK,
  TAKE_BODY,
} from './linking-wat.ts';

/** The outside of one run; events see the port as it is by then. */
interface Scene extends Omit<FakePortOptions, 'news'> {
  readonly events?: readonly ((port: FakePort) => void)[];
}

interface Seen {
  readonly observed: Observed;
  readonly port: FakePort;
}

const portOf = ({ events = [], ...options }: Scene, canSuspend: boolean): FakePort => {
  const port: FakePort = new FakePort({
    ...options,
    news: new FakeNews(
      events.map((event) => () => event(port)),
      canSuspend,
    ),
  });
  return port;
};

/** Runs in every way, each with a scene of its own, and makes sure that no difference can be seen. */
async function everyWay(text: GuestText, scene: () => Scene, ask: Ask = {}): Promise<Seen> {
  const [first, ...others] = await eachWay(text, scene, ask);
  for (const other of others) expect(comparison(other)).toEqual(comparison(first as Seen));
  return first as Seen;
}

async function eachWay(text: GuestText, scene: () => Scene, ask: Ask = {}): Promise<readonly Seen[]> {
  const { direct, generated } = await linkBoth(await toComponent(guestText({ answer: 'none', ...text })));
  const [one, two, three, four] = [false, false, true, true].map((canSuspend) =>
    portOf(scene(), canSuspend),
  ) as [FakePort, FakePort, FakePort, FakePort];
  return [
    { port: one, observed: direct.run({ ...ask, port: one }) },
    { port: two, observed: generated.run({ ...ask, port: two }) },
    { port: three, observed: await direct.runSuspendably({ ...ask, port: three }) },
    // Its thread could suspend it, but not through the frames of generated code.
    { port: four, observed: await generated.runSuspendably({ ...ask, port: four }) },
  ];
}

/** The bytes at these places of what the guest answers: the rest may hold handles, whose numbers are free. */
async function told(text: GuestText, scene: () => Scene, places: readonly number[]): Promise<number[]> {
  const [first, ...others] = (await eachWay(text, scene)).map(({ observed }) => {
    const body = Buffer.from(observed.body ?? observed.outcome, 'latin1');
    return places.map((at) => body[at] as number);
  }) as [number[], number[], number[]];
  for (const other of others) expect(other).toEqual(first);
  return first;
}

const comparison = ({ observed, port: { head, sink, informed, calls, requestBody } }: Seen): object => ({
  ...comparable(observed),
  head,
  informed,
  pieces: sink.pieces,
  ends: [sink.trailers, sink.aborted],
  calls: calls.map(({ body, isCancelled }) => [body.pieces, body.trailers, body.aborted, isCancelled]),
  isCancelled: requestBody.isCancelled,
});

/** Says what it reads until there is no more. */
const ECHO = `${TAKE_BODY} ${answering(`(block $end (loop $more
  (call $readAll (local.get $a) (i64.const 4096) (i32.const 32))
  (br_if $end (i32.load8_u (i32.const 32)))
  (call $say (local.get $e) (i32.load (i32.const 36)) (i32.load (i32.const 40)) (i32.const 48))
  (br_if $end (i32.load8_u (i32.const 48)))
  (br $more)))`)}`;

/** Bytes of memory as the body; for what a guest has seen. */
const TELL = (at: number, length: number): string =>
  answering(`(call $say (local.get $e) (i32.const ${at}) (i32.const ${length}) (i32.const 112))`);

const bytes = (text: string | undefined): number[] => [...Buffer.from(text ?? '', 'latin1')];

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

describe('trailers', () => {
  test('of a request come after its body, whether or not the guest has read that', async () => {
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

  test('of a request that has none, or fails, are told so', async () => {
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

  test('of a response go with its end, but for those that mean nothing there', async () => {
    const end = `(call $dropOutput (local.get $e)) ${fieldsWith(512, 1, 526, 1)}
      (call $append (local.get $c) (i32.const 512) (i32.const 14) (i32.const 526) (i32.const 1) (i32.const 16))
      (call $finish (local.get $d) (i32.const 1) (local.get $c) (i32.const 128))`;
    const text = { data: '(data (i32.const 512) "content-length2")', act: answering(SAY_OK, { end }) };
    const { port } = await everyWay(text, () => ({}));
    expect(port.sink.trailers).toEqual(['c', '2']);
  });
});

test('an informational response goes before the final one, and only a 1xx is one', async () => {
  const inform = (status: number, at: number) =>
    `(call $inform (local.get $out) (i32.const ${status}) (call $fields) (i32.const ${at}))`;
  const act = `${inform(103, 256)} ${inform(200, 296)} ${inform(101, 336)} ${TELL(256, 120)}`;
  const { observed, port } = await everyWay({ act }, () => ({}));
  expect(port.informed).toEqual([{ status: 103, headers: [] }]);
  expect([0, 40, 80].map((at) => bytes(observed.body)[at])).toEqual([0, 1, 1]);
});

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
