import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LinkedOrder } from '../simulator/kernel/linked-order.ts';
import { Marks } from '../simulator/kernel/marks.ts';
import { describeSample, PER_MILLES, rankOf } from '../simulator/kernel/quantiles.ts';
import { valuesAtRanks } from '../simulator/kernel/select.ts';
import { IdlePools, PICKS, type Pick } from '../simulator/platforms/idle-pools.ts';

describe('marks', () => {
  it('tell the first and the last of any set', () => {
    const steps = fc.array(fc.tuple(fc.nat(2_099), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (drawn) => {
        const marks = new Marks(2_100);
        const model = new Set<number>();
        for (const [place, isMarked] of drawn) {
          if (isMarked) marks.mark(place);
          else marks.unmark(place);
          if (isMarked) model.add(place);
          else model.delete(place);
          expect(marks.has(place)).toBe(isMarked);
          expect(marks.first).toBe(model.size === 0 ? -1 : Math.min(...model));
          expect(marks.last).toBe(Math.max(-1, ...model));
        }
      }),
    );
  });
});

describe('a linked order', () => {
  it('gives numbers in the order in which they came, whichever are taken out', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(20), fc.nat(5_000)), { maxLength: 200 }), (numbers) => {
        const order = new LinkedOrder();
        const model: number[] = [];
        for (const number of numbers) {
          expect(order.has(number)).toBe(model.includes(number));
          if (order.has(number)) {
            order.remove(number);
            model.splice(model.indexOf(number), 1);
          } else {
            order.add(number);
            model.push(number);
          }
          expect(order.first).toBe(model[0] ?? -1);
        }
        const left: number[] = [];
        for (; order.first >= 0; order.remove(order.first)) left.push(order.first);
        expect(left).toEqual(model);
      }),
    );
  });
});

describe('values at ranks', () => {
  const value = fc.oneof(
    fc.constantFrom(0, 1, 2 ** 20 - 1, 2 ** 20, 2 ** 52, 2 ** 53 - 1),
    fc.nat(30),
    fc.nat({ max: 2 ** 31 - 1 }),
    fc.maxSafeNat(),
  );

  it('are those of the sorted sample, which stays as it is', () => {
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 300 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (values, drawn) => {
          const ranks = drawn.map((rank) => rank % values.length).sort((a, b) => a - b);
          const sample = Float64Array.from(values);
          const sorted = Float64Array.from(values).sort();
          expect(valuesAtRanks(sample, ranks)).toEqual(ranks.map((rank) => sorted[rank]));
          expect([...sample]).toEqual(values);
        },
      ),
    );
  });

  it('describe a sample as sorting it would, zeros that are counted apart included', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 2 ** 45 }), { maxLength: 200 });
    fc.assert(
      fc.property(sizes, fc.nat(200), (values, zeros) => {
        const sorted = Float64Array.from([...values, ...new Array(zeros).fill(0)]).sort();
        const expected = PER_MILLES.map((perMille) => sorted[rankOf(perMille, sorted.length)] ?? 0);
        const { mean, p50, p90, p95, p99, p999, max } = describeSample(Float64Array.from(values), zeros);
        expect([p50, p90, p95, p99, p999, max]).toEqual([...expected, sorted.at(-1) ?? 0]);
        const sum = values.reduce((total, one) => total + BigInt(one), 0n);
        expect(mean).toBe(values.length === 0 ? 0 : Number(sum) / sorted.length);
      }),
    );
  });
});

describe('idle pools', () => {
  /** The idle ones of a pool with what the pick goes by, the first to be taken first. */
  class Model {
    readonly alive = new Map<number, { pool: number; created: number; idled: number | null }>();
    #clock = 0;
    readonly #pick: Pick;

    constructor(pick: Pick) {
      this.#pick = pick;
    }

    create(pool: number): number {
      let id = 0;
      while (this.alive.has(id)) id++;
      this.alive.set(id, { pool, created: this.#clock++, idled: null });
      return id;
    }

    idle(id: number): void {
      const instance = this.alive.get(id);
      if (instance !== undefined) instance.idled = this.#clock++;
    }

    next(pool: number): number {
      const idle = [...this.alive].filter(([, one]) => one.pool === pool && one.idled !== null);
      const keyOf = ({ created, idled }: { created: number; idled: number | null }): number =>
        this.#pick === 'newest' ? -created : this.#pick === 'oldest' ? created : (idled ?? 0);
      idle.sort(([, one], [, other]) => keyOf(one) - keyOf(other));
      return idle[0]?.[0] ?? -1;
    }
  }

  it('give the instance that the pick says, whatever came and went before', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('create', 'idle', 'take', 'end'), fc.nat()), {
      minLength: 100,
      maxLength: 600,
    });
    fc.assert(
      fc.property(fc.constantFrom(...PICKS), steps, (pick, drawn) => {
        const pools = new IdlePools(2, pick);
        const model = new Model(pick);
        for (const [step, number] of drawn) {
          const pool = number % 2;
          const busy = [...model.alive].filter(([, { idled }]) => idled === null).map(([id]) => id);
          const all = [...model.alive.keys()];
          if (step === 'create') pools.created(pool, model.create(pool));
          else if (step === 'idle' && busy.length > 0) {
            const id = busy[number % busy.length] as number;
            pools.add(model.alive.get(id)?.pool ?? 0, id);
            model.idle(id);
          } else if (step === 'take') {
            const expected = model.next(pool);
            expect(pools.take(pool)).toBe(expected);
            const taken = model.alive.get(expected);
            if (taken !== undefined) taken.idled = null;
          } else if (step === 'end' && all.length > 0) {
            const id = all[number % all.length] as number;
            const ended = model.alive.get(id);
            if (ended?.idled !== null) pools.remove(ended?.pool ?? 0, id);
            pools.ended(ended?.pool ?? 0, id);
            model.alive.delete(id);
          }
        }
        for (const pool of [0, 1]) {
          const expected: number[] = [];
          for (let id = model.next(pool); id >= 0; id = model.next(pool)) {
            expected.push(id);
            model.alive.delete(id);
          }
          const given: number[] = [];
          for (let id = pools.take(pool); id >= 0; id = pools.take(pool)) given.push(id);
          expect(given).toEqual(expected);
        }
      }),
    );
  });
});
