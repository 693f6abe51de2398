/** Instances that are made as new again: modules that can do that, and what a guest could leave behind. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildExamples } from '../guests/build.ts';
import { importMemory, MEMORY_IMPORT } from '../host/component/import-memory.ts';
import { readComponent } from '../host/component/read-component.ts';
import { RENEW_EXPORT, renewableModule } from '../host/component/renewable-module.ts';
import { mutated, seeded } from './linking-fuzz.ts';
import { link, toComponent } from './linking-harness.ts';
import { guestText } from './linking-wat.ts';

type Exports = Record<string, (() => void) | { readonly value: unknown }>;

async function imported(wat: string): Promise<Uint8Array> {
  const binary = await parse(wat);
  return importMemory(binary)?.bytes ?? binary;
}

interface Made {
  readonly memory: WebAssembly.Memory;
  readonly exports: Exports;
}

function instance(module: Uint8Array): Made {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
  const given = { [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory }, host: { seven: 7 } };
  const compiled = new WebAssembly.Module(new Uint8Array(module));
  return { memory, exports: new WebAssembly.Instance(compiled, given).exports as Exports };
}

/** Everything that can be seen of an instance whose globals are all exported. */
function stateOf({ memory, exports }: Made) {
  const globals = Object.entries(exports).flatMap(([name, exported]) =>
    'value' in exported ? [[name, exported.value]] : [],
  );
  return {
    globals: Object.fromEntries(globals),
    bytes: createHash('sha256').update(new Uint8Array(memory.buffer)).digest('hex'),
  };
}

/** As a new one is, as one is after its renewal, and as one is that was used and renewed. */
async function states(wat: string) {
  const original = await imported(wat);
  const renewable = renewableModule(original);
  if (!renewable) throw new Error('the module is not renewable');
  const made = instance(renewable);
  const renew = made.exports[RENEW_EXPORT] as () => void;
  renew();
  const first = stateOf(made);
  (made.exports.use as (() => void) | undefined)?.();
  const used = stateOf(made);
  new Uint8Array(made.memory.buffer).fill(0);
  renew();
  return { fresh: stateOf(instance(original)), first, used, renewed: stateOf(made) };
}

/** Sets each of these globals to a number, and fills the memory. */
const USE = (sets: string) =>
  `(func (export "use") ${sets} (memory.fill (i32.const 0) (i32.const 0xa5) (i32.const 65536)))`;

describe('a renewed instance is as a new one', () => {
  test.each([
    ['without anything to set', `(memory 1) ${USE('')}`],
    [
      'with variables of every type of number',
      `(memory 1) (global $a (export "a") (mut i32) (i32.const -5)) (global $b (export "b") (mut i64) (i64.const 77))
       (global $c (export "c") (mut f32) (f32.const 0.5)) (global $d (export "d") (mut f64) (f64.const -0.25))
       (global $e (mut v128) (v128.const i64x2 1 2)) (global (export "f") i32 (i32.const 9))
       ${USE('(global.set $a (i32.const 1)) (global.set $b (i64.const 2)) (global.set $c (f32.const 3)) (global.set $d (f64.const 4)) (global.set $e (v128.const i64x2 8 9))')}`,
    ],
    [
      'with values that are imported and reckoned',
      `(import "host" "seven" (global $seven i32)) (memory 1)
       (global $a (export "a") (mut i32) (i32.add (global.get $seven) (i32.const 3)))
       (data (global.get $seven) "at seven") ${USE('(global.set $a (i32.const 1))')}`,
    ],
    [
      'with data, one piece over the other',
      `(memory 1) (data (i32.const 8) "first") (data (i32.const 10) "second") (data (i32.const 65530) "last") (data (i32.const 0) "") ${USE('')}`,
    ],
    [
      'with data in a row, near and far',
      `(memory 1) (data (i32.const 8) "one") (data (i32.const 11) "two") (data (i32.const 64) "") (data (i32.const 100) "three")
       (data (i32.const 617) "four") (data (i32.const 40000) "five") (data (i32.const 65535) "x") ${USE('')}`,
    ],
    [
      'with data in two rows, the later one first',
      `(memory 1) (data (i32.const 40000) "five") (data (i32.const 40008) "six") (data (i32.const 8) "one") (data (i32.const 16) "")
       (data (i32.const 11) "two") ${USE('')}`,
    ],
    [
      'with data out of order, one piece over the other',
      `(memory 1) (data (i32.const 100) "later") (data (i32.const 8) "first") (data (i32.const 10) "second") (data (i32.const 9) "x") ${USE('')}`,
    ],
    [
      'with data in a row but for one place that is imported',
      `(import "host" "seven" (global $seven i32)) (memory 1) (data (global.get $seven) "at seven")
       (data (i32.const 0) "0") (data (i32.const 20) "1") ${USE('')}`,
    ],
    ['with data that only its code would write', `(memory 1) (data "passive") ${USE('')}`],
    [
      'with a table that its code only reads',
      `(memory 1) (table 2 funcref) (elem (i32.const 0) $start $start) (type $t (func))
       (global $a (export "a") (mut i32) (i32.const 0))
       (func $start (global.set $a (i32.add (global.get $a) (i32.const 1))))
       ${USE('(call_indirect (type $t) (i32.const 1))')}`,
    ],
    [
      'without a function of its own',
      '(memory 1) (data (i32.const 3) "abc") (global (export "a") (mut i32) (i32.const 4))',
    ],
  ])('%s', async (_what, fields) => {
    const { fresh, first, used, renewed } = await states(`(module ${fields})`);
    expect(first).toEqual(fresh);
    expect(renewed).toEqual(fresh);
    if (fields.includes('"use"')) expect(used).not.toEqual(fresh);
  });

  const number = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const global = fc.record({ value: number, isVariable: fc.boolean(), isLong: fc.boolean() });
  const data = fc.record({
    at: fc.integer({ min: 0, max: 65_500 }),
    text: fc.stringMatching(/^[a-z]{0,30}$/),
  });

  test('whatever its globals and data are', async () => {
    const near = fc.array(
      fc.record({ gap: fc.integer({ min: 0, max: 1_200 }), text: data.map(({ text }) => text) }),
    );
    const inARow = near.map((pieces) => {
      let end = 0;
      return pieces.map(({ gap, text }) => {
        const at = end + gap;
        end = at + text.length;
        return { at, text };
      });
    });
    const inDisorder = inARow.chain((row) =>
      fc.shuffledSubarray(row, { minLength: row.length, maxLength: row.length }),
    );
    const segments = fc.oneof(fc.array(data), inARow, inDisorder);
    const module = fc.record({ globals: fc.array(global), segments });
    await fc.assert(
      fc.asyncProperty(module, async ({ globals, segments }) => {
        const variables = globals.flatMap(({ isVariable, isLong }, index) =>
          isVariable ? [`(global.set ${index} (${isLong ? 'i64' : 'i32'}.const ${index}))`] : [],
        );
        const wat = `(module (memory 1)
          ${globals.map(({ value, isVariable, isLong }, index) => {
            const type = isLong ? 'i64' : 'i32';
            return `(global (export "g${index}") ${isVariable ? `(mut ${type})` : type} (${type}.const ${value}))`;
          })}
          ${segments.map(({ at, text }) => `(data (i32.const ${at}) "${text}")`)}
          ${USE(variables.join(' '))})`.replaceAll(',', ' ');
        const { fresh, first, renewed } = await states(wat);
        expect(first).toEqual(fresh);
        expect(renewed).toEqual(fresh);
      }),
      { numRuns: 60 },
    );
  });

  test('with more segments than pay one by one, where few pieces hold them', async () => {
    const rows = [40_000, 8].map((start) =>
      Array.from({ length: 6_000 }, (_, index) => `(data (i32.const ${start + 2 * index}) "a")`).join(''),
    );
    const { fresh, first, used, renewed } = await states(`(module (memory 1) ${rows.join('')} ${USE('')})`);
    expect([first, renewed]).toEqual([fresh, fresh]);
    expect(used).not.toEqual(fresh);
  });

  test('and traps where a new one would', async () => {
    const outside = '(module (memory 1) (data (i32.const 65535) "ab"))';
    const original = await imported(outside);
    expect(() => instance(original)).toThrow(WebAssembly.RuntimeError);
    const made = instance(renewableModule(original) as Uint8Array);
    expect(made.exports[RENEW_EXPORT]).toThrow(WebAssembly.RuntimeError);
  });
});

/** Damages a module that is guarded and valid, and looks what becomes of it. */
async function fuzzed(mutants: number, seed: number) {
  const sources = ['wasip1.wasm', 'wasip2.wasm'].map(
    (name) => new URL(`./fixtures/rust-hello/${name}`, import.meta.url),
  );
  const examples = [...(await buildExamples()).values()].map(({ component }) => component);
  const components = [new Uint8Array(await readFile(sources[1] as URL)), ...examples];
  const cores = [new Uint8Array(await readFile(sources[0] as URL))];
  for (const component of components)
    cores.push(...readComponent(component).modules.map((core) => new Uint8Array(core)));
  const random = seeded(seed);
  const seen = { renewable: 0, refused: 0, invalid: 0 };
  for (let count = 0; count < mutants; count++) {
    const core = new Uint8Array(mutated(cores[count % cores.length] as Uint8Array, random));
    if (WebAssembly.validate(core)) {
      const renewable = renewableModule(importMemory(core)?.bytes ?? core);
      if (renewable) expect(WebAssembly.validate(renewable)).toBe(true);
      seen[renewable ? 'renewable' : 'refused']++;
    } else seen.invalid++;
  }
  return seen;
}

test('a valid module stays valid, however it came to be', async () => {
  expect((await fuzzed(1_000, 1)).renewable).toBeGreaterThan(20);
});

describe('a module is not renewable', () => {
  test.each([
    ['that has a memory of its own', '(memory 1) (memory 1)'],
    ['that writes to a table', '(table 2 funcref) (func (table.set (i32.const 0) (ref.null func)))'],
    ['that makes a table grow', '(table 1 funcref) (func (drop (table.grow (ref.null func) (i32.const 1))))'],
    [
      'that fills a table',
      '(table 1 funcref) (func (table.fill (i32.const 0) (ref.null func) (i32.const 1)))',
    ],
    [
      'that copies within a table',
      '(table 1 funcref) (func (table.copy (i32.const 0) (i32.const 0) (i32.const 1)))',
    ],
    [
      'that writes elements',
      '(table 1 funcref) (elem func) (func (table.init 0 (i32.const 0) (i32.const 0) (i32.const 0)))',
    ],
    ['that drops elements', '(elem func) (func (elem.drop 0))'],
    [
      'that fills the table of another',
      '(import "other" "table" (table 1 funcref)) (elem (i32.const 0) func)',
    ],
    ['that runs by itself', '(func $start) (start $start)'],
    ['that drops data', '(memory 1) (data "a") (func (data.drop 0))'],
    [
      'that writes data again',
      '(memory 1) (data "a") (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)))',
    ],
    ['with a variable that refers to something', '(global (mut funcref) (ref.null func))'],
    [
      'with objects on the heap of the engine',
      '(type (struct (field (mut i32)))) (global (ref null 0) (ref.null 0))',
    ],
    ['that makes references without an object', '(func (drop (ref.i31 (i32.const 1))))'],
    [`with an export ${RENEW_EXPORT}`, `(func (export "${RENEW_EXPORT}"))`],
    ['with more to set than pays', `(memory 1) ${'(data (i32.const 0) "a")'.repeat(10_001)}`],
  ])('%s', async (_what, fields) => {
    expect(renewableModule(await imported(`(module ${fields})`))).toBeUndefined();
  });
});

describe('a component of renewable modules', () => {
  /** Says how often it was called, and traps or goes on as the method says. */
  const COUNT = {
    globals: '(global $calls (mut i32) (i32.const 0))',
    act: `(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (if (i32.ne (global.get $calls) (i32.const 1)) (then unreachable))
      (call $method (local.get $req) (i32.const 16))
      (if (i32.eq (i32.load8_u (i32.const 16)) (i32.const 2)) (then unreachable))`,
  };
  const counting = async (): Promise<Uint8Array> =>
    toComponent(
      guestText({ act: COUNT.act })
        .replace(/\(module/, `(module ${''}`)
        .replace(/\)\s*$/, `${COUNT.globals})`),
    );

  test('serves each request as its first, in the same instance', async () => {
    const { run, runSuspendably, plan, pool } = await link(await counting(), 'direct');
    expect(plan).toMatchObject({ linking: 'direct', isRenewable: true });
    for (let round = 0; round < 3; round++) {
      expect(run()).toMatchObject({ outcome: 'ok', body: 'ok' });
      expect(pool.resting.count).toBe(1);
      expect(pool.count).toBe(0);
    }
    expect(await runSuspendably()).toMatchObject({ outcome: 'ok', body: 'ok' });
  });

  /** A module behind the guest's, which keeps a number, and which the guest's start asks for it now and then. */
  const ASKED_EARLY = `(module (import "env" "memory" (memory 0)) (global $kept (mut i32) (i32.const 0))
    (func (export "peek") (result i32) (global.get $kept))
    (func (export "poke") (global.set $kept (i32.const 7))))`;

  test('has nothing that a start could see of the request before', async () => {
    const guest = guestText({
      act: `(call $poke) (i32.store8 (i32.const 64) (i32.add (i32.const 48) (global.get $seen)))`,
      more: `(global $seen (mut i32) (i32.const 0))
        (func $start (if (i32.and (i32.wrap_i64 (call $randomU64)) (i32.const 1))
          (then (global.set $seen (call $peek)))))
        (start $start)`,
    }).replace(
      '(module',
      `(module (import "legacy" "peek" (func $peek (result i32))) (import "legacy" "poke" (func $poke))`,
    );
    const adapters: [string, Uint8Array][] = [['legacy', await parse(ASKED_EARLY)]];
    const { run } = await link(await toComponent(guest, { adapters }), 'direct');
    const seen = new Set<string>();
    for (let round = 0; round < 64; round++) {
      const { outcome, body = '' } = run();
      seen.add(`${outcome} ${body}`);
    }
    // Where it asks, what it would call is not there yet.
    expect([...seen].sort()).toEqual(['ok 0k', 'trap ']);
  });

  test('lets an instance go that trapped', async () => {
    const { run, pool, linked } = await link(await counting(), 'direct');
    expect(run({ method: 'POST' }).outcome).toBe('trap');
    expect(pool.count).toBe(1);
    expect(run()).toMatchObject({ outcome: 'ok', body: 'ok' });
    expect(pool.resting.count).toBe(1);
    linked.close();
    expect(pool.resting.count).toBe(0);
  });

  test('makes room for what the thread needs more', async () => {
    const { linked, run, pool } = await link(await counting(), 'direct');
    run();
    for (let pages = 1; pages <= 16; pages++) {
      const type = { pagesInitial: 1, pagesMax: pages };
      pool.give(pool.take(type), type);
    }
    expect(pool.resting.count).toBe(16);
    expect(pool.count).toBe(16);
    expect(run()).toMatchObject({ outcome: 'ok', body: 'ok' });
    expect(pool.count).toBe(15);
    linked.close();
  });
});
