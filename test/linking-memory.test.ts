/** Linear memories that are used again: rewritten modules, the pool, and that nothing of one guest reaches the next. */
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { importMemory, MEMORY_IMPORT } from '../host/component/import-memory.ts';
import { MemoryPool } from '../host/component/memory-pool.ts';
import { link, toComponent } from './linking-harness.ts';
import { guestText } from './linking-wat.ts';

const rewritten = async (wat: string) => importMemory(await parse(wat));

describe('a module with one memory', () => {
  test.each([
    [
      'without other imports',
      '(module (memory (export "m") 1 4) (data (i32.const 8) "hi") (func (export "f") (result i32) (i32.load8_u (i32.const 8))))',
    ],
    [
      'with a start function and a table',
      '(module (memory (export "m") 1 4) (table 1 funcref) (data (i32.const 8) "h") (func $s (i32.store8 (i32.const 9) (i32.const 1))) (start $s) (func (export "f") (result i32) (i32.load8_u (i32.const 8))))',
    ],
    [
      'with imports',
      '(module (import "a" "b" (func)) (import "a" "g" (global i32)) (memory (export "m") 1 4) (data (i32.const 8) "h") (func (export "f") (result i32) (i32.load8_u (i32.const 8))))',
    ],
    [
      'with passive data',
      '(module (memory (export "m") 1 4) (data "h") (func (export "f") (result i32) (memory.init 0 (i32.const 8) (i32.const 0) (i32.const 1)) (i32.load8_u (i32.const 8))))',
    ],
  ])('%s runs the same when it imports its memory', async (_what, wat) => {
    const found = await rewritten(wat);
    expect(found?.memory).toEqual({ pagesInitial: 1, pagesMax: 4 });
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(found!.bytes), {
      [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory },
      a: { b: () => undefined, g: 0 },
    });
    expect((exports.f as () => number)()).toBe('h'.charCodeAt(0));
    expect(exports.m).toBe(memory);
    expect(new Uint8Array(memory.buffer)[8]).toBe('h'.charCodeAt(0));
  });

  test('tells what it declared', async () => {
    expect((await rewritten('(module (memory 1))'))?.memory).toEqual({ pagesInitial: 1, pagesMax: 65_536 });
    expect((await rewritten('(module (memory 1 2))'))?.memory).toEqual({ pagesInitial: 1, pagesMax: 2 });
  });
});

test.each([
  ['no memory', '(module)'],
  ['an imported memory', '(module (import "a" "m" (memory 1)))'],
  ['two memories', '(module (memory 1) (memory 1))'],
  ['a memory of 64 bits', '(module (memory i64 1))'],
  ['a shared memory', '(module (memory 1 2 shared))'],
  ['an import of the very name', '(module (import "ebb" "memory" (func)) (memory 1))'],
])('a module with %s is left as it is', async (_what, wat) => {
  expect(await rewritten(wat)).toBeUndefined();
});

describe('a pool of memories', () => {
  const type = { pagesInitial: 2, pagesMax: 4 };

  test('gives a memory back with every byte zero', () => {
    const pool = new MemoryPool();
    const memory = pool.take(type);
    new Uint8Array(memory.buffer).fill(0xaa);
    pool.give(memory, type);
    expect(pool.take(type)).toBe(memory);
    expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true);
  });

  test('finds every byte that was written, in memories of any size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 24 }),
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 8 }),
        (pages, places) => {
          const pool = new MemoryPool();
          const sized = { pagesInitial: pages, pagesMax: 24 };
          const memory = pool.take(sized);
          const bytes = Buffer.from(memory.buffer);
          const edges = [0, 16_383, 16_384, bytes.length - 1];
          for (const at of [...edges, ...places.map((place) => Math.floor(place * bytes.length))])
            bytes[at] = 1;
          pool.give(memory, sized);
          expect(pool.take(sized)).toBe(memory);
          expect(bytes.equals(Buffer.alloc(bytes.length))).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('never gives one memory to two', () => {
    const pool = new MemoryPool();
    pool.give(pool.take(type), type);
    expect(pool.take(type)).not.toBe(pool.take(type));
  });

  test('gives only memories of the very type', () => {
    const pool = new MemoryPool();
    const memory = pool.take(type);
    pool.give(memory, type);
    expect(pool.take({ ...type, pagesMax: 5 })).not.toBe(memory);
    expect(pool.take({ ...type, pagesInitial: 1 })).not.toBe(memory);
  });

  test('lets go of a memory that grew', () => {
    const pool = new MemoryPool();
    const memory = pool.take(type);
    memory.grow(1);
    pool.give(memory, type);
    expect(pool.count).toBe(0);
  });

  test('is bounded in number and in bytes', () => {
    const pool = new MemoryPool();
    const many = Array.from({ length: 40 }, () => pool.take(type));
    for (const memory of many) pool.give(memory, type);
    expect(pool.count).toBe(16);
    const large = { pagesInitial: 200, pagesMax: 200 };
    const others = Array.from({ length: 8 }, () => pool.take(large));
    for (const memory of others) pool.give(memory, large);
    expect(pool.count).toBe(2);
  });
});

describe('no byte of one guest reaches the next', () => {
  /** POST fills all memory; anything else counts bytes that are not zero outside of what the module itself put there. */
  const SCAN = `
    (call $method (local.get $req) (i32.const 16))
    (if (i32.eq (i32.load8_u (i32.const 16)) (i32.const 2)) (then
      (memory.fill (i32.const 0) (i32.const 0xa5) (i32.const 65536))
      (i32.store16 (i32.const 64) (i32.const 0x6b6f)))
    (else
      (local.set $a (i32.const 66))
      (loop $next
        (local.set $b (i32.add (local.get $b) (i32.ne (i32.load8_u (local.get $a)) (i32.const 0))))
        (br_if $next (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 1))) (i32.const 65536))))
      (if (i32.ne (local.get $b) (i32.const 0)) (then unreachable))))`;

  test('when it answered, and when it trapped', async () => {
    const { run, pool } = await link(await toComponent(guestText({ act: SCAN })), 'direct');
    for (let round = 0; round < 3; round++) {
      expect(run({ method: 'POST' }).outcome).toBe('ok');
      expect(pool.resting.count).toBe(1);
      expect(run()).toMatchObject({ outcome: 'ok', body: 'ok' });
    }
    const trapping = `${SCAN} (if (i32.eq (i32.load8_u (i32.const 16)) (i32.const 0xa5)) (then unreachable))`;
    const other = await link(await toComponent(guestText({ act: trapping })), 'direct');
    expect(other.run({ method: 'POST' }).outcome).toBe('trap');
    expect(other.run()).toMatchObject({ outcome: 'ok', body: 'ok' });
  });
});
