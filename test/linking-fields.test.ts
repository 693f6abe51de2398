/** What guests may keep of headers and other texts in the host's memory, which their own memory limit does not count. */
import { describe, expect, test } from 'vitest';
import { agreed, linkText } from './linking-agreement.ts';

/** Does something again and again, with 100 kB of `x` at 65536, and answers when it has. */
const often = (times: number, act: string) => ({
  memory: '3',
  act: `(memory.fill (i32.const 65536) (i32.const 120) (i32.const 100000))
    (loop $again ${act}
      (br_if $again (i32.lt_u (local.tee $d (i32.add (local.get $d) (i32.const 1))) (i32.const ${times}))))`,
});

const FIELDS = `(local.set $a (call $fields))
  (call $append (local.get $a) (i32.const 65536) (i32.const 1) (i32.const 65536) (i32.const 100000) (i32.const 16))`;
const REQUEST = '(local.set $b (call $request (local.get $a)))';
const PATH = '(drop (call $setPath (local.get $b) (i32.const 1) (i32.const 65536) (i32.const 100000)))';
const SEND = `(drop (call $setAuthority (local.get $b) (i32.const 1) (i32.const 65536) (i32.const 2)))
  (call $send (local.get $b) (i32.const 0) (i32.const 0) (i32.const 16))
  (call $dropFuture (i32.load (i32.const 24)))`;

describe('a guest that lets go of what it has', () => {
  test.each([
    ['fields', `${FIELDS} (call $dropFields (local.get $a))`],
    [
      'copies of fields',
      `${FIELDS} (local.set $b (call $cloneFields (local.get $a))) (call $dropFields (local.get $a)) (call $dropFields (local.get $b))`,
    ],
    ['fields that a request has', `${FIELDS} ${REQUEST} ${PATH} (call $dropOutgoing (local.get $b))`],
    [
      'fields of a request that it looked at',
      `${FIELDS} ${REQUEST} (local.set $c (call $requestHeaders (local.get $b)))
       (call $dropFields (local.get $c)) (call $dropOutgoing (local.get $b))`,
    ],
    ['requests that were sent', `${FIELDS} ${REQUEST} ${PATH} ${SEND}`],
    ['responses', `${FIELDS} (call $dropResponse (call $response (local.get $a)))`],
    [
      'a list that is refused in the middle',
      `(i32.store (i32.const 256) (i32.const 65536)) (i32.store (i32.const 260) (i32.const 1))
       (i32.store (i32.const 264) (i32.const 65536)) (i32.store (i32.const 268) (i32.const 100000))
       (i32.store (i32.const 272) (i32.const 65536)) (i32.store (i32.const 276) (i32.const 0))
       (call $fromList (i32.const 256) (i32.const 2) (i32.const 16))`,
    ],
  ])('may have any number of %s', async (_what, act) => {
    expect(agreed(await linkText(often(200, act)))).toMatchObject({ outcome: 'ok', body: 'ok' });
  });
});

describe('a guest that keeps more than 16 MiB', () => {
  test.each([
    ['in fields', 170, FIELDS],
    [
      'in copies of the headers that it got',
      170,
      '(drop (call $cloneFields (call $headers (local.get $req))))',
    ],
    [
      'in headers of requests that it dropped',
      170,
      `${FIELDS} ${REQUEST} (drop (call $requestHeaders (local.get $b))) (call $dropOutgoing (local.get $b))`,
    ],
    ['in paths', 170, `(local.set $a (call $fields)) ${REQUEST} ${PATH}`],
    [
      'in many entries without a value',
      180_000,
      `(if (i32.eqz (i32.rem_u (local.get $d) (i32.const 100000))) (then (local.set $a (call $fields))))
       (call $append (local.get $a) (i32.const 65536) (i32.const 1) (i32.const 65536) (i32.const 0) (i32.const 16))`,
    ],
  ])('%s ends', async (_what, times, act) => {
    const headers = [['x-large', 'x'.repeat(100_000)]] as const;
    const both = await linkText(often(times, act));
    expect(agreed(both, { headers }).outcome).toBe('trap');
    expect(both.direct.run({ headers }).message).toMatch(/at most 16777216 bytes in all that is held/);
  });
});
