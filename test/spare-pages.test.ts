/** Memories that grew and are used again: what they grew by is hidden until the guest asks for it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LimitCells, ROOM_NUMBERS } from '../host/component/limit-cells.ts';
import { FUEL_OPTIONS, fromText, instantiated, OPTIONS, outcomeOf, rewritten } from './instrument-kit.ts';
import { executionFor, link, portFor, toComponent } from './linking-harness.ts';
import { guestText } from './linking-wat.ts';

const PAGE = 65_536;

describe('the code of a guest', () => {
  const PAGES_MAX = 9;
  const importing = (
    pages: number,
  ): string => `(module (import "host" "memory" (memory ${pages} ${PAGES_MAX}))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) (memory.size))
    (func (export "last") (result i32)
      (i32.load8_u (i32.sub (i32.mul (memory.size) (i32.const ${PAGE})) (i32.const 1)))))`;

  /** One that believes to have one page, with as many more as are spare. */
  async function guest(options: typeof OPTIONS, sparePages: number, room: number) {
    const cells = new LimitCells();
    cells.growthBytesLeft = room;
    cells.fuelLeft = 1_000_000n;
    cells.sparePages = sparePages;
    const memory = new WebAssembly.Memory({ initial: 1 + sparePages, maximum: PAGES_MAX });
    const module = rewritten(await fromText(importing(1)), options);
    const exports = instantiated(module, cells, { host: { memory } });
    const seen = () => ({
      size: exports.size?.(),
      last: outcomeOf(() => exports.last?.()),
      roomLeft: cells.growthBytesLeft,
      fuelLeft: cells.fuelLeft,
    });
    return {
      seen,
      grow: (pages: number) => ({ grown: exports.grow?.(pages), ...seen() }),
      pages: () => memory.buffer.byteLength / PAGE,
      spare: () => cells.sparePagesOf(cells.room),
    };
  }

  const growths = fc.array(
    fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 0, max: 4 }) },
      fc.constantFrom(-1, 0x7fff_ffff, 65_536),
    ),
    { maxLength: 8 },
  );

  test.each([
    ['with limits', OPTIONS],
    ['that counts fuel', FUEL_OPTIONS],
  ])('%s sees no spare pages, whatever it grows by', async (_what, options) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: PAGES_MAX - 1 }),
        fc.integer({ min: 0, max: (PAGES_MAX + 1) * PAGE }),
        growths,
        async (sparePages, room, pages) => {
          const [plain, spared] = [await guest(options, 0, room), await guest(options, sparePages, room)];
          expect(spared.seen()).toEqual(plain.seen());
          for (const count of pages) expect(spared.grow(count)).toEqual(plain.grow(count));
          expect(spared.pages() - spared.spare()).toBe(plain.pages());
          expect(spared.pages()).toBe(Math.max(1 + sparePages, plain.pages()));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('grows its memory only by what the spare pages do not cover', async () => {
    const { grow, pages, spare } = await guest(OPTIONS, 3, 100 * PAGE);
    expect([grow(2).grown, pages(), spare()]).toEqual([1, 4, 1]);
    expect([grow(2).grown, pages(), spare()]).toEqual([3, 5, 0]);
    expect([grow(5).grown, pages(), spare()]).toEqual([-1, 5, 0]);
    expect([grow(4).grown, pages(), spare()]).toEqual([5, 9, 0]);
  });

  test('keeps its spare pages when it asks for more than there can be', async () => {
    const { grow, pages, spare } = await guest(OPTIONS, 3, 100 * PAGE);
    expect([grow(9).grown, pages(), spare()]).toEqual([-1, 4, 3]);
  });
});

test('the spare pages of an execution are known while its thread is in another', () => {
  const cells = new LimitCells();
  const [one, other] = [new BigInt64Array(ROOM_NUMBERS), new BigInt64Array(ROOM_NUMBERS)];
  cells.enter(1, one, () => 0);
  cells.sparePages = 7;
  const room = cells.room;
  cells.leave();
  cells.enter(2, other, () => 0);
  expect([cells.sparePagesOf(room), cells.sparePagesOf(cells.room)]).toEqual([7, 0]);
  cells.leave();
  cells.enter(1, one, () => 0);
  expect(cells.sparePagesOf(room)).toBe(7);
});

describe('a component whose memory grows', () => {
  /**
   * Grows by as many pages as its path has characters behind the slash, all at once; finds them after those that it has,
   * and zero; fills all of its memory where the method is POST.
   */
  const GROW = `
    (call $path (local.get $req) (i32.const 16))
    (local.set $a (i32.sub (i32.load (i32.const 24)) (i32.const 1)))
    (if (i32.ne (memory.size) (i32.const 1)) (then unreachable))
    (if (i32.ne (memory.grow (local.get $a)) (i32.const 1)) (then unreachable))
    (if (i32.ne (memory.size) (i32.add (local.get $a) (i32.const 1))) (then unreachable))
    (local.set $b (i32.const ${PAGE}))
    (block $all (loop $next
      (br_if $all (i32.ge_u (local.get $b) (i32.mul (memory.size) (i32.const ${PAGE}))))
      (if (i64.ne (i64.load (local.get $b)) (i64.const 0)) (then unreachable))
      (local.set $b (i32.add (local.get $b) (i32.const 8)))
      (br $next)))
    (call $method (local.get $req) (i32.const 16))
    (if (i32.eq (i32.load8_u (i32.const 16)) (i32.const 2)) (then
      (memory.fill (i32.const ${PAGE}) (i32.const 0xa5) (i32.sub (local.get $b) (i32.const ${PAGE})))))
    (if (i32.eq (i32.load8_u (i32.const 16)) (i32.const 3)) (then unreachable))`;
  const growing = async () => link(await toComponent(guestText({ act: GROW })), 'direct');

  test('is made as new with the memory that grew, and is told and billed the same', async () => {
    const { run, runSuspendably, pool, plan } = await growing();
    expect(plan).toMatchObject({ isRenewable: true });
    for (let round = 0; round < 3; round++) {
      expect(run({ path: '/ab', method: 'POST' })).toMatchObject({ outcome: 'ok', memoryBytes: 3 * PAGE });
      expect(pool.resting.count).toBe(1);
      expect(await runSuspendably({ path: '/ab', method: 'POST' })).toMatchObject({
        outcome: 'ok',
        memoryBytes: 3 * PAGE,
      });
    }
    expect(run({ path: '/a', method: 'POST' })).toMatchObject({ outcome: 'ok', memoryBytes: 2 * PAGE });
    expect(run({ path: '/abcd' })).toMatchObject({ outcome: 'ok', memoryBytes: 5 * PAGE });
  });

  test('that trapped is counted by what it was given, and let go', async () => {
    const { run, pool } = await growing();
    run({ path: '/abc' });
    expect(run({ path: '/a', method: 'PUT' })).toMatchObject({ outcome: 'trap', memoryBytes: 2 * PAGE });
    expect(pool.resting.count).toBe(0);
  });

  test('lets a memory go of which less than half was used', async () => {
    const { run, pool } = await growing();
    run({ path: '/abc' });
    expect(run({ path: '/a' }).memoryBytes).toBe(2 * PAGE);
    expect(pool.resting.count).toBe(1);
    expect(run({ path: '/' }).memoryBytes).toBe(PAGE);
    expect(pool.resting.count).toBe(0);
    expect(pool.count).toBe(0);
  });

  test('lets a memory go that has more than 256 pages', async () => {
    const { run, pool } = await growing();
    expect(run({ path: `/${'a'.repeat(255)}` })).toMatchObject({ outcome: 'ok', memoryBytes: 256 * PAGE });
    expect(pool.resting.count).toBe(1);
    expect(run({ path: `/${'a'.repeat(256)}` })).toMatchObject({ outcome: 'ok', memoryBytes: 257 * PAGE });
    expect(pool.resting.count).toBe(0);
  });

  test('keeps its size and its spare pages between requests that share an instance', async () => {
    const { run, linked } = await growing();
    run({ path: '/abc' });
    const executionOf = (path: string) => executionFor({ path }, portFor({ path }), () => undefined);
    const first = executionOf('/');
    const instance = linked.instantiate(first);
    instance.handle(first.request, first.outparam);
    expect(instance.memoryBytes()).toBe(PAGE);
    expect(instance.rest?.()).toBe(true);
    expect(run({ path: '/a' })).toMatchObject({ outcome: 'ok', memoryBytes: 2 * PAGE });
    // Others have had the cells meanwhile, and the place in which its room was kept.
    expect(instance.memoryBytes()).toBe(PAGE);
    const second = executionOf('/ab');
    instance.resume?.(second);
    instance.handle(second.request, second.outparam);
    expect(instance.memoryBytes()).toBe(3 * PAGE);
    instance.release();
  });
});
