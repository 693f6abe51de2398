/**
 * Where generated code is looser than the canonical ABI, direct linking keeps to the ABI, and its guests cannot get
 * around that.
 */
import { describe, expect, test } from 'vitest';
import { linkText } from './linking-agreement.ts';
import type { GuestText } from './linking-wat.ts';

const HANDLE_FAULT = /expected a handle of/;

describe('where the generated code is looser, direct linking keeps to the canonical ABI and traps for', () => {
  const cases: [string, GuestText, RegExp][] = [
    ['a handle of another type', { act: '(drop (call $headers (local.get $out)))' }, HANDLE_FAULT],
    ['a handle dropped as another type', { act: '(call $dropFields (local.get $req))' }, HANDLE_FAULT],
    ['a handle dropped that never was', { act: '(call $dropFields (i32.const 99))' }, HANDLE_FAULT],
    [
      'a result area that is not aligned',
      { act: '(call $path (local.get $req) (i32.const 1025))' },
      /aligned to 4 bytes/,
    ],
    [
      'bytes that begin within the memory and end behind it',
      {
        act: '(local.set $a (call $stderr)) (call $say (local.get $a) (i32.const 65530) (i32.const 7) (i32.const 0))',
      },
      /expected 7 bytes at 65530 within the memory of 65536 bytes/,
    ],
    [
      'bytes at a pointer far behind it',
      {
        act: '(local.set $a (call $stderr)) (call $say (local.get $a) (i32.const -1) (i32.const 1) (i32.const 0))',
      },
      /expected 1 bytes at 4294967295/,
    ],
    [
      'a length of 4 GiB',
      {
        act: '(local.set $a (call $stderr)) (call $say (local.get $a) (i32.const 8) (i32.const -1) (i32.const 0))',
      },
      /expected 4294967295 bytes at 8/,
    ],
    [
      'a text that is no UTF-8',
      {
        data: '(data (i32.const 512) "\\c3\\28")',
        act: '(drop (call $hasField (call $fields) (i32.const 512) (i32.const 2)))',
      },
      /expected a string in utf-8, got 2 malformed bytes at 512/,
    ],
    [
      'a text with a surrogate',
      {
        data: '(data (i32.const 512) "\\ed\\a0\\80")',
        act: '(drop (call $hasField (call $fields) (i32.const 512) (i32.const 3)))',
      },
      /malformed/,
    ],
    [
      'a list of more items than its memory has bytes',
      { act: '(call $fromList (i32.const 16) (i32.const 0x10000000) (i32.const 512))' },
      /within the memory/,
    ],
    [
      'a list that is not aligned',
      { act: '(call $fromList (i32.const 17) (i32.const 1) (i32.const 512))' },
      /aligned to 4 bytes/,
    ],
    [
      'a realloc that gives what is not aligned',
      {
        act: '(call $entries (call $headers (local.get $req)) (i32.const 512))',
        realloc: '(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1025))',
      },
      /aligned to 4 bytes/,
    ],
    [
      'a handle dropped from within realloc while a call borrows it',
      {
        act: '(global.set $held (local.get $req)) (call $path (local.get $req) (i32.const 512))',
        realloc:
          '(global $held (mut i32) (i32.const 0)) (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $dropRequest (global.get $held)) (i32.const 1024))',
      },
      /expected a handle of incoming-request that no call borrows, got 1/,
    ],
    [
      'more handles than one instance may hold',
      { act: '(loop $more (drop (call $fields)) (br $more))' },
      /expected at most 100000 handles at once/,
    ],
  ];
  test.each(cases)('%s', async (_what, text, message) => {
    const direct = (await linkText(text)).direct.run();
    expect(direct.outcome).toBe('trap');
    expect(direct.message).toMatch(message);
  });
});

test('a guest cannot survive a fault by catching it', async () => {
  // Catches whatever the host throws, then answers as if nothing had been.
  const both = await linkText({
    act: '(block $caught (try_table (catch_all $caught) (call $dropFields (i32.const 99))))',
  });
  const seen = both.direct.run();
  expect(seen.outcome).toBe('trap');
  expect(seen.message).toMatch(HANDLE_FAULT);
});
