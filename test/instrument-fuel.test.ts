/** What ranges and growth cost in fuel: by their size, whatever came of them. */
import { describe, expect, it } from 'vitest';
import { LimitCells } from '../host/component/limit-cells.ts';
import {
  FUEL_OPTIONS,
  fromText,
  type GuestExports,
  instantiated,
  outcomeOf,
  rewritten,
} from './instrument-kit.ts';

const FUEL = 10n ** 12n;
const ROOM_BYTES = 100 * 65_536;

const RANGES = `(module
  (memory 4) (memory $long i64 4)
  (table $t 100 funcref) (table $other 100 funcref)
  (elem $e func $nothing $nothing $nothing $nothing)
  (data $d "twelve bytes and some more")
  (type $bytes (array (mut i8)))
  (func $nothing)
  (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0)))
  (func (export "copy") (param i32) (memory.copy (i32.const 0) (i32.const 8) (local.get 0)))
  (func (export "init") (param i32) (memory.init $d (i32.const 0) (i32.const 0) (local.get 0)))
  (func (export "fillLong") (param i32)
    (memory.fill $long (i64.const 0) (i32.const 1) (i64.extend_i32_u (local.get 0))))
  (func (export "copyToLong") (param i32)
    (memory.copy $long 0 (i64.const 0) (i32.const 8) (local.get 0)))
  (func (export "tableFill") (param i32) (table.fill $t (i32.const 0) (ref.null func) (local.get 0)))
  (func (export "tableCopy") (param i32) (table.copy $t $other (i32.const 0) (i32.const 0) (local.get 0)))
  (func (export "tableInit") (param i32) (table.init $t $e (i32.const 0) (i32.const 0) (local.get 0)))
  (func (export "array") (param i32) (drop (array.new_default $bytes (local.get 0))))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`;

async function guest(): Promise<{ exports: GuestExports; cells: LimitCells }> {
  const cells = new LimitCells();
  cells.growthBytesLeft = ROOM_BYTES;
  return { exports: instantiated(rewritten(await fromText(RANGES), FUEL_OPTIONS), cells), cells };
}

function cost({ exports, cells }: Awaited<ReturnType<typeof guest>>, name: string, size: number): number {
  cells.fuelLeft = FUEL;
  exports[name]?.(size);
  return Number(FUEL - cells.fuelLeft);
}

describe('a range', () => {
  it.each([
    ['fill', 16_000, 2_000],
    ['copy', 16_000, 2_000],
    ['init', 16, 2],
    ['fillLong', 16_000, 2_000],
    ['copyToLong', 16_000, 2_000],
    ['tableFill', 90, 90],
    ['tableCopy', 90, 90],
    ['tableInit', 4, 4],
    ['array', 5_000, 5_000],
  ])('costs its size: %s', async (name, size, more) => {
    const one = await guest();
    expect(cost(one, name, size) - cost(one, name, 0)).toBe(more);
  });

  it('is looked at before it is worked on, so that none is begun beyond the limit', async () => {
    const { exports, cells } = await guest();
    cells.fuelLeft = 1_000n;
    expect(outcomeOf(() => exports.fill?.(100_000))).toBe('threw RuntimeError: unreachable');
  });
});

describe('growth', () => {
  it('costs what filling it would, and nothing more where there is no room', async () => {
    const one = await guest();
    const nothing = cost(one, 'grow', 0);
    expect(cost(one, 'grow', 3) - nothing).toBe((3 * 65_536) / 8);
    expect(cost(one, 'grow', 1_000)).toBe(nothing);
    expect(cost(one, 'grow', 0xffff_ffff)).toBe(nothing);
  });
});
