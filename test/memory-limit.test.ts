/** The memory limit: all memories and tables of an instance together, what they start with and what they grow by. */
import { parse, print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { beforeAll, describe, expect, test } from 'vitest';
import { LimitCells } from '../host/component/limit-cells.ts';
import { makePlan } from '../host/component/plan.ts';
import { fromText, type GuestExports, instantiated, OPTIONS, rewritten } from './instrument-kit.ts';
import { LINKINGS, link, toComponent } from './linking-harness.ts';
import { guestText } from './linking-wat.ts';

const PAGE = 65_536;
const ELEMENT = 24;

async function grower(text: string, bytesLeft: number): Promise<GuestExports & { left: () => number }> {
  const cells = new LimitCells();
  cells.growthBytesLeft = bytesLeft;
  const exports = instantiated(rewritten(await fromText(text)), cells);
  return { ...exports, left: () => cells.growthBytesLeft };
}

describe('the code of a guest counts what it grows by', () => {
  const TEXT = `(module (memory $a 1) (memory $b 0 3) (memory $long i64 0)
    (table $t 2 funcref) (table $long i64 0 externref)
    (func (export "a") (param i32) (result i32) (local i64) (memory.grow $a (local.get 0)))
    (func (export "b") (param $n i32) (param i64 f32) (result i32) (local i32 f64 i64)
      (local.set 3 (i32.const 7)) (local.set 5 (i64.const 9))
      (memory.grow $b (local.get $n))
      (if (i32.or (i32.ne (local.get 3) (i32.const 7)) (i64.ne (local.get 5) (i64.const 9))) (then unreachable)))
    (func (export "long") (param i64) (result i64) (memory.grow $long (local.get 0)))
    (func (export "t") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
    (func (export "longTable") (param i64) (result i64) (table.grow $long (ref.null extern) (local.get 0)))
    (func (export "both") (param i32 i64) (result i64)
      (drop (memory.grow $a (local.get 0))) (drop (memory.grow $long (local.get 1))) (memory.size $long)))`;

  test('in all memories and tables together', async () => {
    const guest = await grower(TEXT, 5 * PAGE);
    expect(guest.a?.(2)).toBe(1);
    expect(guest.left()).toBe(3 * PAGE);
    expect(guest.b?.(2, 0n, 0)).toBe(0);
    expect(guest.b?.(2, 0n, 0)).toBe(-1);
    expect(guest.a?.(2)).toBe(-1);
    expect(guest.long?.(2n)).toBe(-1n);
    expect(guest.long?.(1n)).toBe(0n);
    expect(guest.left()).toBe(0);
    expect([guest.t?.(1), guest.longTable?.(1n)]).toEqual([-1, -1n]);
    expect([guest.a?.(0), guest.long?.(0n), guest.t?.(0)]).toEqual([3, 1n, 2]);
  });

  test('in tables by what their elements take', async () => {
    const guest = await grower(TEXT, 10 * ELEMENT + ELEMENT - 1);
    expect([guest.t?.(4), guest.longTable?.(6n), guest.t?.(1), guest.longTable?.(1n)]).toEqual([
      2,
      0n,
      -1,
      -1n,
    ]);
    expect(guest.left()).toBe(ELEMENT - 1);
    expect(guest.a?.(1)).toBe(-1);
  });

  test('and not what was refused for another reason', async () => {
    const guest = await grower(TEXT, 100 * PAGE);
    expect(guest.b?.(4, 0n, 0)).toBe(-1);
    expect(guest.left()).toBe(100 * PAGE);
  });

  test.each([0xffff_ffff, 0x8000_0000, 0x1_0000])('however much is asked for: %i', async (count) => {
    const guest = await grower(TEXT, 3 * PAGE);
    expect([guest.a?.(count), guest.t?.(count), guest.long?.(BigInt(count) << 31n)]).toEqual([-1, -1, -1n]);
    expect(guest.long?.(-1n)).toBe(-1n);
    expect(guest.left()).toBe(3 * PAGE);
  });

  test('with sizes of both widths in one function', async () => {
    const guest = await grower(TEXT, 3 * PAGE);
    expect(guest.both?.(1, 2n)).toBe(2n);
    expect(guest.left()).toBe(0);
  });

  test('in modules with types that are no functions', async () => {
    const guest = await grower(
      `(module (rec (type (struct (field i8) (field (mut (ref null struct))))) (type (array i16)))
        (type (sub (struct))) (memory 1)
        (func (export "grow") (param f64 i32) (result i32) (memory.grow (local.get 1))))`,
      PAGE,
    );
    expect([guest.grow?.(0, 1), guest.grow?.(0, 1)]).toEqual([1, -1]);
  });

  test('unless it is not asked to', async () => {
    const module = await fromText(TEXT);
    const plain = rewritten(module, { ...OPTIONS, growth: false });
    expect(instantiated(plain, new LimitCells()).a?.(5)).toBe(1);
  });
});

describe('a component with several memories', () => {
  /** Grows both memories by a page, in turns, until neither grows any more, then answers with their sizes. */
  const TWO = guestText({
    act: `(loop $next
      (local.set $a (memory.grow (i32.const 1)))
      (local.set $b (memory.grow $more (i32.const 1)))
      (br_if $next (i32.or (i32.ne (local.get $a) (i32.const -1)) (i32.ne (local.get $b) (i32.const -1)))))
      (i32.store8 (i32.const 64) (i32.add (i32.const 97) (memory.size)))
      (i32.store8 (i32.const 65) (i32.add (i32.const 97) (memory.size $more)))`,
    more: '(memory $more 2)',
  });
  let component: Uint8Array;
  beforeAll(async () => {
    component = await toComponent(TWO);
  });

  test('grows to its limit and no further, again and again', async () => {
    const { run } = await link(component, 'direct', 9 * PAGE);
    for (let round = 0; round < 3; round++) {
      // One page and two, and six more: four and five.
      expect(run()).toMatchObject({ outcome: 'ok', body: 'ef', memoryBytes: 9 * PAGE });
    }
  });

  test.each(LINKINGS)('in different modules does so too, linked %s', async (linking) => {
    const growing = guestText({
      act: `(loop $next (br_if $next (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (i32.store8 (i32.const 65) (i32.add (i32.const 97) (memory.size)))`,
    });
    const more =
      '(core module $more (memory 2)) (core instance (instantiate $more)) (core instance (instantiate $more)))';
    const text = (await print(await toComponent(growing))).replace(/\)\s*$/, more);
    const { run } = await link(await parse(text), linking, 9 * PAGE);
    for (let round = 0; round < 3; round++) {
      expect(run()).toMatchObject({ outcome: 'ok', body: 'of', memoryBytes: 9 * PAGE });
    }
  });

  test('is refused where they start above the limit together', async () => {
    await expect(makePlan(component, 3 * PAGE)).resolves.toBeDefined();
    await expect(makePlan(component, 3 * PAGE - 1)).rejects.toMatchObject({
      code: 'component-invalid',
      message: expect.stringMatching(/at most 2 pages \(the memory limit\) together, got 3 pages of 64 KiB/),
    });
  });
});

describe('tables that a component starts with', () => {
  const withTable = (elements: number) =>
    toComponent(guestText({ more: `(table $large ${elements} funcref)` }));

  test('are free while they are small', async () => {
    await expect(makePlan(await withTable(9_000), PAGE)).resolves.toBeDefined();
  });

  test('count when they are large', async () => {
    const elements = 1_000_000;
    const component = await withTable(elements);
    await expect(makePlan(component, PAGE + elements * ELEMENT)).resolves.toBeDefined();
    await expect(makePlan(component, PAGE + (elements - 11_000) * ELEMENT)).rejects.toMatchObject({
      code: 'component-invalid',
      message: expect.stringMatching(/tables of 10000\d\d elements/),
    });
  });
});
