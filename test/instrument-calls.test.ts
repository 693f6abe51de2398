/** Where checks stand before calls: each way that calls comes to one first, and ways that do not are not slowed down. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LimitCells, ROOM_NUMBERS, stopNumber } from '../host/component/limit-cells.ts';
import { fromText, instantiated, outcomeOf, rewritten } from './instrument-kit.ts';

/** Code of a function that gets a number: each bit of it decides one way. */
type Step =
  | { readonly kind: 'call' | 'loop' | 'return' | 'throw' | 'nothing' }
  | { readonly kind: 'leave'; readonly bit: number; readonly up: number }
  | { readonly kind: 'block' | 'try'; readonly steps: readonly Step[] }
  | { readonly kind: 'if'; readonly bit: number; readonly yes: readonly Step[]; readonly no: readonly Step[] }
  /** In the older form: does the one, throws, does the other. */
  | { readonly kind: 'catch'; readonly yes: readonly Step[]; readonly no: readonly Step[] };

const BITS = 4;
const PLAIN: Step[] = (['call', 'call', 'loop', 'return', 'throw', 'nothing'] as const).map((kind) => ({
  kind,
}));
const bit = fc.nat({ max: BITS - 1 });

/** With exceptions in the older form or in the newer one: no module may have both. */
const stepsWith = (exceptions: 'catch' | 'try') =>
  fc.letrec<{ step: Step; steps: readonly Step[] }>((tie) => ({
    steps: fc.array(tie('step'), { maxLength: 4 }),
    step: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      fc.constantFrom(...PLAIN),
      fc.record({ kind: fc.constant('leave' as const), bit, up: fc.nat({ max: 2 }) }),
      fc.record({ kind: fc.constant('block' as const), steps: tie('steps') }),
      fc.record({ kind: fc.constant('if' as const), bit, yes: tie('steps'), no: tie('steps') }),
      exceptions === 'try'
        ? fc.record({ kind: fc.constant('try' as const), steps: tie('steps') })
        : fc.record({ kind: fc.constant('catch' as const), yes: tie('steps'), no: tie('steps') }),
    ),
  })).steps;

/** What random code seldom does: throws before a call, and calls where that is caught. */
const THROWS_FIRST: readonly Step[] = [
  {
    kind: 'catch',
    yes: [{ kind: 'if', bit: 0, yes: [{ kind: 'throw' }], no: [] }, { kind: 'call' }],
    no: [{ kind: 'call' }],
  },
];

const asked = (bit: number): string => `(i32.and (i32.shr_u (local.get 0) (i32.const ${bit})) (i32.const 1))`;

/** @param depth of blocks around it, the function's own among them. */
function text(all: readonly Step[], depth: number): string {
  const each = all.map((step) => {
    switch (step.kind) {
      case 'call':
        return '(call $f (local.get 0))';
      case 'loop':
        return '(loop)';
      case 'return':
        return '(return)';
      case 'throw':
        return '(throw $e)';
      case 'nothing':
        return '(nop)';
      case 'leave':
        return `(br_if ${Math.min(step.up, depth)} ${asked(step.bit)})`;
      case 'block':
        return `(block ${text(step.steps, depth + 1)})`;
      case 'try':
        return `(block (try_table (catch_all 0) ${text(step.steps, depth + 2)}))`;
      case 'catch':
        return `try ${text(step.yes, depth + 1)} (throw $e) catch_all ${text(step.no, depth + 1)} end`;
      default:
        return `(if ${asked(step.bit)} (then ${text(step.yes, depth + 1)}) (else ${text(step.no, depth + 1)}))`;
    }
  });
  return each.join(' ');
}

/** What code comes to: something that has a check, the function's end, a catch, its own end, or so many blocks further out. */
type Way = 'check' | 'end' | 'throw' | 'through' | number;

/** The way behind a block that was gone like that; `through` where the code after it is next. */
const behind = (way: Way): Way => (typeof way !== 'number' ? way : way === 0 ? 'through' : way - 1);

function wayOf(step: Step, number: number, depth: number): Way {
  const isSet = (bit: number): boolean => ((number >> bit) & 1) === 1;
  switch (step.kind) {
    case 'call':
    case 'loop':
      return 'check';
    case 'return':
      return 'end';
    case 'throw':
      return 'throw';
    case 'nothing':
      return 'through';
    case 'leave':
      return isSet(step.bit) ? Math.min(step.up, depth) : 'through';
    case 'block':
      return behind(first(step.steps, number, depth + 1));
    case 'try': {
      const way = first(step.steps, number, depth + 2);
      return way === 'throw' ? 'through' : behind(behind(way));
    }
    case 'catch': {
      const way = first(step.yes, number, depth + 1);
      return behind(way === 'through' || way === 'throw' ? first(step.no, number, depth + 1) : way);
    }
    case 'if':
      return behind(first(isSet(step.bit) ? step.yes : step.no, number, depth + 1));
  }
}

function first(all: readonly Step[], number: number, depth: number): Way {
  for (const step of all) {
    const way = wayOf(step, number, depth);
    if (way !== 'through') return way;
  }
  return 'through';
}

it.each(['catch', 'try'] as const)(
  'no call is made before a check, with blocks, branches and %s around it',
  async (exceptions) => {
    let checked = 0;
    let ended = 0;
    await fc.assert(
      fc.asyncProperty(stepsWith(exceptions), async (body) => {
        // It never comes back from a call but by a trap: for want of stack where there is no check.
        const run = `(func $f (export "f") (param i32) ${text(body, 0)})`;
        const module = await fromText(`(module (tag $e) ${run})`);
        const cells = new LimitCells();
        cells.enter(1, new BigInt64Array(ROOM_NUMBERS), () => stopNumber('time'));
        const guest = instantiated(rewritten(module), cells);
        for (let number = 0; number < 2 ** BITS; number++) {
          const isChecked = first(body, number, 0) === 'check';
          const outcome = outcomeOf(() => guest.f?.(number));
          if (isChecked) {
            checked++;
            expect(outcome).toBe('threw RuntimeError: unreachable');
          } else {
            ended++;
            // A check that is there for others does no harm.
            expect(outcome).toMatch(/^gave undefined$|unreachable$|^threw undefined: undefined$/);
          }
        }
      }),
      { numRuns: 1_000, seed: 20_261_122, examples: exceptions === 'catch' ? [[THROWS_FIRST]] : [] },
    );
    expect(checked).toBeGreaterThan(1_000);
    expect(ended).toBeGreaterThan(1_000);
  },
);
