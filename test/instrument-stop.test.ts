/** Guests that never return are stopped, whatever they do, and fuel is counted the same each time. */
import { on, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LimitCells, stopNumber } from '../host/component/limit-cells.ts';
import type { ToGuestWorker } from './instrument-guest-worker.ts';
import {
  FUEL_OPTIONS,
  fromText,
  instantiated,
  OPTIONS,
  outcomeOf,
  type Rewritten,
  rewritten,
} from './instrument-kit.ts';
import { randomProgram } from './instrument-programs.ts';

/** Each calls `begun` and then goes on for ever; `$run` is its function, the rest stands beside it. */
const ENDLESS: Readonly<Record<string, { readonly run: string; readonly beside?: string }>> = {
  'an empty loop': { run: '(loop $l (br $l))' },
  'a loop by br_if': { run: '(loop $l (br_if $l (i32.const 1)))' },
  'a loop by br_table': { run: '(loop $l (loop $m (br_table $l $m (i32.const 7))))' },
  'nested loops that each end': {
    run: `(local i32 i32 i32 i32) (loop $a (loop $b (loop $c (loop $d
      (br_if $d (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 0xfffffff0))))
      (br_if $c (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 0xfffffff0))))
      (br_if $b (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (i32.const 0xfffffff0)))) (br $a))`,
  },
  'a loop over vectors': {
    run: '(local v128) (loop $l (local.set 0 (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0))) (br $l))',
  },
  'a loop over bulk memory': {
    run: '(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br $l))',
  },
  'a loop of host calls': { run: '(loop $l (call $nothing) (br $l))' },
  'a loop by br_on_null': { run: '(loop $l (drop (br_on_null $l (ref.null func))))' },
  'a loop by br_on_cast': {
    run: '(ref.i31 (i32.const 1)) (loop $l (param anyref) (result anyref) (br_on_cast $l anyref i31ref)) (drop)',
  },
  'recursion without depth': {
    run: '(drop (call $fib (i32.const 90)))',
    beside: `(func $fib (param i32) (result i32) (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
      (then (local.get 0)) (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))`,
  },
  'mutual recursion through a table': {
    run: '(call $even (i32.const 90))',
    beside: `(type $n (func (param i32))) (table funcref (elem $even $odd))
      (func $even (param i32) (if (local.get 0) (then
        (call_indirect (type $n) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))
        (call_indirect (type $n) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))))
      (func $odd (param i32) (if (local.get 0) (then
        (call $even (i32.sub (local.get 0) (i32.const 1))) (call $even (i32.sub (local.get 0) (i32.const 1))))))`,
  },
  'tail calls': {
    run: '(return_call $ping)',
    beside: '(func $ping (return_call $pong)) (func $pong (return_call $ping))',
  },
  'tail calls through a table': {
    run: '(return_call_indirect (i32.const 0))',
    beside: '(table funcref (elem $again)) (func $again (return_call_indirect (i32.const 0)))',
  },
  'tail calls by reference': {
    run: '(return_call_ref $t (ref.func $again))',
    beside:
      '(type $t (func)) (elem declare func $again) (func $again (return_call_ref $t (ref.func $again)))',
  },
  'a chain of calls that doubles at each step': {
    run: '(call $c0)',
    beside: [
      ...Array.from(
        { length: 60 },
        (_, index) => `(func $c${index} (call $c${index + 1}) (call $c${index + 1}))`,
      ),
      '(func $c60)',
    ].join(''),
  },
  'a loop that catches all, in the older form': {
    run: '(loop $l try (loop $m (br $m)) catch_all end (br $l))',
  },
  'a loop that catches all': {
    run: '(loop $l (block $c (try_table (catch_all $c) (loop $m (br $m)))) (br $l))',
  },
  'a loop that catches what the host throws': {
    run: '(loop $l (block $c (try_table (catch_all $c) (call $fails))) (br $l))',
  },
  'a loop that throws to itself': {
    run: '(loop $l (block $c (try_table (catch $e $c) (throw $e))) (br $l))',
    beside: '(tag $e)',
  },
  'a start function': { run: '', beside: '(func $s (call $begun) (loop $l (br $l))) (start $s)' },
};

function endless({ run, beside = '' }: { readonly run: string; readonly beside?: string }): string {
  const begun = beside.includes('$begun') ? '' : '(call $begun)';
  const locals = /^(\(local [^)]*\))?/.exec(run)?.[0] ?? '';
  return `(module (import "host" "begun" (func $begun)) (import "host" "nothing" (func $nothing))
    (import "host" "fails" (func $fails)) (memory 1) ${beside}
    (func $run (export "run") ${locals} ${begun} ${run.slice(locals.length)}))`;
}

interface Told {
  readonly type: 'begun' | 'ended';
  readonly outcome?: string;
  readonly stopReason?: string;
}

/** The number under which the guest runs. */
const EXECUTION = 7;

describe('an endless guest', () => {
  const cells = new LimitCells();
  let worker: Worker;

  beforeAll(() => {
    worker = new Worker(new URL('./instrument-guest-worker.ts', import.meta.url), {
      workerData: cells.memory,
    });
  });
  afterAll(() => worker.terminate());

  const run = (guest: Rewritten, stop: number): void =>
    worker.postMessage({ guest, execution: EXECUTION, stop } satisfies ToGuestWorker);

  async function stopped(text: string, runMs: number): Promise<Told> {
    const guest = rewritten(await fromText(text));
    run(guest, 0);
    for await (const [told] of on(worker, 'message') as AsyncIterable<[Told]>) {
      if (told.type === 'ended') return told;
      setTimeout(() => {
        // Nobody else is stopped in its place.
        cells.stop(EXECUTION + 1, 'cpu');
        cells.stop(EXECUTION, 'time');
      }, runMs);
    }
    throw new Error('the worker ended');
  }

  // One thread for all of them: it lives on after each.
  for (const [name, guest] of Object.entries(ENDLESS)) {
    it(`is stopped in ${name}`, async () => {
      // Long enough for the engine to optimise it, and to try to move the check out of the loop.
      const told = await stopped(endless(guest), 300);
      expect(told).toEqual({ type: 'ended', outcome: 'threw RuntimeError: unreachable', stopReason: 'time' });
    });
  }

  it('is stopped at its first check when the time was up before', async () => {
    const guest = rewritten(await fromText(endless({ run: '(loop $l (br $l))' })));
    run(guest, stopNumber('time'));
    const answers: Told[] = [(await once(worker, 'message'))[0] as Told];
    expect(answers).toEqual([
      { type: 'ended', outcome: 'threw RuntimeError: unreachable', stopReason: 'time' },
    ]);
  });
});

describe('a trap', () => {
  it('is what guests cannot catch, while they do catch what a host function throws', async () => {
    const text = `(module (import "host" "fails" (func $fails))
      (func (export "caughtHost") (result i32)
        (block $c (try_table (catch_all $c) (call $fails)) (return (i32.const 0))) (i32.const 1))
      (func (export "caughtTrap") (result i32)
        (block $c (try_table (catch_all $c) (unreachable)) (return (i32.const 0))) (i32.const 1)))`;
    const host = {
      fails: () => {
        throw new Error('the host function failed');
      },
    };
    const guest = instantiated(rewritten(await fromText(text)), new LimitCells(), { host });
    expect(guest.caughtHost?.()).toBe(1);
    expect(() => guest.caughtTrap?.()).toThrow(WebAssembly.RuntimeError);
  });
});

const FUEL = 10n ** 15n;

describe('fuel', () => {
  it('is the same for the same work, however long that takes', async () => {
    const numbers = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 40, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(numbers, fc.integer(), async (drawn, a) => {
        let at = 0;
        const draw = (count: number) => (drawn[at++ % drawn.length] as number) % count;
        const guest = rewritten(await fromText(randomProgram(draw)), FUEL_OPTIONS);
        const used = [0, 1, 2].map(() => {
          const cells = new LimitCells();
          cells.fuelLeft = FUEL;
          const exports = instantiated(guest, cells);
          const outcome = outcomeOf(() => exports.f3?.(a, 1));
          return { outcome, used: FUEL - cells.fuelLeft };
        });
        expect(used[1]).toEqual(used[0]);
        expect(used[2]).toEqual(used[0]);
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  it('does not change when the engine has optimised the code', async () => {
    const guest = rewritten(await fromText(COUNTING), FUEL_OPTIONS);
    const cells = new LimitCells();
    const exports = instantiated(guest, cells);
    const used = new Set<bigint>();
    for (let round = 0; round < 300; round++) {
      cells.fuelLeft = FUEL;
      exports.count?.(20_000);
      used.add(FUEL - cells.fuelLeft);
    }
    expect([...used]).toHaveLength(1);
  });

  it('stops a guest at exactly the same place each time it runs out', async () => {
    const guest = rewritten(await fromText(COUNTING), FUEL_OPTIONS);
    const counts = [1_000n, 1_001n, 1_002n, 50_000n].map((fuel) => {
      const seen = [0, 1, 2].map(() => {
        const cells = new LimitCells();
        cells.fuelLeft = fuel;
        const exports = instantiated(guest, cells);
        expect(outcomeOf(() => exports.count?.(1_000_000_000))).toBe('threw RuntimeError: unreachable');
        expect(cells.fuelLeft < 0n).toBe(true);
        return (exports.reached as unknown as { value: number }).value;
      });
      expect(new Set(seen).size).toBe(1);
      return seen[0] as number;
    });
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts[3]).toBeGreaterThan((counts[0] as number) * 40);
  });

  it('has a price for each instruction that is kept as long as the table keeps its version', async () => {
    const cells = new LimitCells();
    cells.fuelLeft = FUEL;
    const exports = instantiated(rewritten(await fromText(COUNTING), FUEL_OPTIONS), cells);
    exports.count?.(10);
    // Each round has 10 instructions of price 1; the loop itself is free.
    expect(FUEL - cells.fuelLeft).toBe(PRICE_OF_TEN);
  });

  it('is not counted where a guest was instrumented for its deadline alone', async () => {
    const cells = new LimitCells();
    instantiated(rewritten(await fromText(COUNTING), OPTIONS), cells).count?.(10);
    expect(cells.fuelLeft).toBe(0n);
  });
});

const PRICE_OF_TEN = 100n;

const COUNTING = `(module (global $reached (export "reached") (mut i32) (i32.const 0))
  (func (export "count") (param i32) (local i32)
    (loop $l
      (local.set 1 (i32.add (local.get 1) (i32.const 1)))
      (global.set $reached (local.get 1))
      (br_if $l (i32.lt_u (local.get 1) (local.get 0))))))`;
