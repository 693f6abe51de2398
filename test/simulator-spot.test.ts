/** Spot machines: takings worked out by hand, and the laws that hold for any of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BillMeter } from '../metering/bill-meter.ts';
import { discountedBook } from '../metering/discount.ts';
import { makeInvoice } from '../metering/invoice.ts';
import { priceBook } from '../metering/prices/catalogue.ts';
import { parseDecimal } from '../metering/units.ts';
import type { PlatformResult } from '../simulator/result.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { readTraceText } from '../simulator/traces/read.ts';
import { syntheticTrace } from './synthetic-load.ts';

const traceOf = (...rows: readonly string[]) =>
  readTraceText(['t,d', ...rows].join('\n'), 'rows.csv', { csvTime: 't', csvDuration: 'd' });
const resultOf = (trace: ReturnType<typeof traceOf>, scenario: ScenarioInput): PlatformResult =>
  simulate(trace, scenario).platforms[0] as PlatformResult;

/** Announced at 80 s, taken at 100 s, the next one ready 10 s after its start. */
const TAKEN_AT_100 = {
  platforms: ['vm'],
  spotLivesS: '100',
  spotNoticeS: 20,
  bootS: 10,
} as const satisfies ScenarioInput;
/** The second runs when its machine is taken; the third comes after the announcement. */
const ROWS = ['0,50', '60,50', '85,1'] as const;

describe('a spot machine', () => {
  it('loses what still runs when it is taken, and gets nothing more once that is announced', () => {
    const vm = resultOf(traceOf(...ROWS), TAKEN_AT_100);
    expect(vm).toMatchObject({ served: 2, failed: 1, rejected: 0, interruptions: 1, lost: 1, retried: 0 });
    // The third waits until 110 s and is the last to end.
    expect(vm).toMatchObject({ aliveSeconds: 111, busySeconds: 50 + 40 + 1, instancesPeak: 1 });
    expect(vm.waitMs).toMatchObject({ max: 25_000, p50: 0 });
    expect(vm.latencyMs.max).toBe(50_000);
  });

  it('may be replaced when its end is announced', () => {
    const vm = resultOf(traceOf(...ROWS), { ...TAKEN_AT_100, spotReplacement: 'at-notice' });
    expect(vm).toMatchObject({ served: 2, failed: 1, interruptions: 1, instancesPeak: 2 });
    // From 80 s until the last end at 100 s there are two; the new one takes the third at 90 s.
    expect(vm).toMatchObject({ aliveSeconds: 120, waitMs: { max: 5_000 } });
  });

  it('has clients that may try again', () => {
    const vm = resultOf(traceOf(...ROWS), { ...TAKEN_AT_100, attempts: 2, backoffMs: 0 });
    expect(vm).toMatchObject({ served: 3, failed: 0, interruptions: 1, lost: 1, retried: 1, throttled: 0 });
    // Behind the third, which ends at 111 s, and 50 s long.
    expect(vm).toMatchObject({ aliveSeconds: 161, latencyMs: { max: 101_000 } });
  });

  it('takes nothing from a request that ends at that very moment', () => {
    const vm = resultOf(traceOf('0,50', '60,40', '85,1'), TAKEN_AT_100);
    expect(vm).toMatchObject({ served: 3, failed: 0, interruptions: 1, lost: 0 });
  });

  it('shares its cores until then', () => {
    const shared = { ...TAKEN_AT_100, sharing: 'ps' } as const;
    // Two share until 70 s; the longer one then has 35 s to go.
    const late = resultOf(traceOf('60,40', '60,5', '115,1'), { ...shared, spotLivesS: '40' });
    expect(late).toMatchObject({ served: 2, failed: 1, lost: 1, interruptions: 1 });
    expect(late.latencyMs).toMatchObject({ max: 40_000, p50: 10_000 });
    const inTime = resultOf(traceOf('60,35', '60,5', '115,1'), { ...shared, spotLivesS: '40' });
    expect(inTime).toMatchObject({ served: 3, lost: 0, latencyMs: { max: 40_000 } });
  });

  it('is taken from a group as from a fixed number', () => {
    const group = { ...TAKEN_AT_100, platforms: ['vm-group'], cores: 1 } as const;
    expect(resultOf(traceOf(...ROWS), { ...group, maxInstances: 1 })).toMatchObject({
      ...{ served: 2, failed: 1, interruptions: 1, lost: 1, aliveSeconds: 111 },
    });
    // Two machines at most, neither ever wanted: the group starts none beside the one that takes its place.
    expect(resultOf(traceOf(...ROWS), { ...group, maxInstances: 2, scaleTarget: 100 })).toMatchObject({
      ...{ served: 2, failed: 1, instancesPeak: 1, aliveSeconds: 111 },
    });
  });
});

const traces = fc
  .record({
    seed: fc.nat(),
    requests: fc.integer({ min: 1, max: 120 }),
    meanGapUs: fc.integer({ min: 100_000, max: 5_000_000 }),
    meanRunUs: fc.integer({ min: 100_000, max: 10_000_000 }),
  })
  .map((made) => syntheticTrace({ ...made, run: 'exponential' }));
const machines = fc.record({
  instances: fc.integer({ min: 1, max: 4 }),
  cores: fc.integer({ min: 1, max: 3 }),
  queueLimit: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
  seed: fc.nat(),
});

describe('spot machines', () => {
  it('that are never taken are machines on demand', () => {
    fc.assert(
      fc.property(traces, machines, (trace, some) => {
        const scenario = { platforms: ['vm'], ...some } as const;
        // Requests are told of in the same order, so that even the batch means agree.
        const { settings: _, ...spot } = resultOf(trace, { ...scenario, spotRate: 0 });
        const { settings: __, ...onDemand } = resultOf(trace, scenario);
        const times = [
          'idleSeconds',
          'utilisation',
          'aliveSeconds',
          'costUsd',
          'waitMs',
          'latencyMs',
        ] as const;
        for (const key of times) expect(spot[key]).toEqual(onDemand[key]);
        for (const key of ['served', 'rejected', 'failed', 'lost', 'interruptions'] as const)
          expect(spot[key]).toBe(onDemand[key]);
      }),
      { numRuns: 60 },
    );
  });

  it('account for every request and every attempt', () => {
    const spot = fc.record({
      spotLivesS: fc.constantFrom('20', '15,40', '12.5,30,300'),
      spotNoticeS: fc.constantFrom(0, 1, 5),
      spotReplacement: fc.constantFrom('after' as const, 'at-notice' as const),
      sharing: fc.constantFrom('fifo' as const, 'ps' as const),
      attempts: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(traces, machines, spot, (trace, some, how) => {
        const vm = resultOf(trace, { platforms: ['vm'], bootS: 2, ...some, ...how });
        expect(vm.served + vm.rejected + vm.failed).toBe(trace.count);
        // An attempt that was lost or refused is the last one or is followed by another.
        expect(vm.lost + vm.throttled).toBe(vm.retried + vm.failed + vm.rejected);
        if (how.attempts === 1) expect(vm.retried).toBe(0);
        expect(vm.instancesPeak).toBeGreaterThanOrEqual(some.instances);
        if (how.spotReplacement === 'after') expect(vm.instancesPeak).toBe(some.instances);
      }),
      { numRuns: 120 },
    );
  });

  it('are taken as often as the rate says, and again the same for the same seed', () => {
    const trace = syntheticTrace({
      seed: 3,
      requests: 4_000,
      meanGapUs: 60_000_000,
      meanRunUs: 1_000_000,
      run: 'exponential',
    });
    const scenario = { platforms: ['vm'], instances: 5, spotRate: 2, spotNoticeS: 30, seed: 11 } as const;
    const vm = resultOf(trace, scenario);
    const expected = (2 * vm.aliveSeconds) / 3_600;
    // A Poisson count: within four standard deviations.
    expect(Math.abs(vm.interruptions - expected)).toBeLessThan(4 * Math.sqrt(expected));
    expect(expected).toBeGreaterThan(500);
    expect(resultOf(trace, scenario)).toEqual(vm);
    expect(resultOf(trace, { ...scenario, seed: 12 }).interruptions).not.toBe(vm.interruptions);
  });
});

describe('the price of spot machines', () => {
  it('is the book less the stated share, to the last digit', () => {
    const book = discountedBook(priceBook('aws-ec2'), parseDecimal('67.5'), 'spot');
    const hour = { size: 'm7g.large', startedAtUs: 0, endedAtUs: 3_600_000_000 };
    const bill = new BillMeter(book);
    bill.addInstance(hour);
    const { lines, totalNanoUsd, priceBook: id } = makeInvoice(book, bill.quantities, { freeTier: false });
    // 0.0816 × 0.325
    expect([totalNanoUsd, lines[0]?.unitPriceUsd, id]).toEqual([
      26_520_000n,
      '0.02652',
      'aws-ec2 spot -67.5%',
    ]);
    expect(
      discountedBook(priceBook('aws-ec2'), parseDecimal('0'), 'spot')
        .meters.map(({ tiers }) => tiers[0]?.priceUsd)
        .every((price, at) => {
          const own = priceBook('aws-ec2').meters[at]?.tiers[0]?.priceUsd;
          return (
            price !== undefined &&
            own !== undefined &&
            price.digits * 10n ** BigInt(own.scale) === own.digits * 10n ** BigInt(price.scale)
          );
        }),
    ).toBe(true);
  });

  it('is what a simulation bills, also for the time after the announcement', () => {
    const scenario = { ...TAKEN_AT_100, instanceType: 'm7g.large', prices: ['aws-ec2'] } as const;
    const vm = resultOf(traceOf(...ROWS), { ...scenario, spotDiscount: 70 });
    expect(vm.priceBook).toBe('aws-ec2 spot -70%');
    // 100 s, and 11 s that count as a minute: 160 s × 0.0816 × 0.3 / 3600, rounded up to the nano-dollar.
    expect(vm.costUsd).toBe(0.001088);
    expect(resultOf(traceOf(...ROWS), scenario).priceBook).toBe('aws-ec2');
    // Taken after 100 s, which is within its first hour; its successor's minute is paid.
    const free = resultOf(traceOf(...ROWS), { ...scenario, spotDiscount: 70, spotFirstHourFree: true });
    expect([free.costUsd, free.aliveSeconds]).toEqual([0.000408, 111]);
    const late = { ...scenario, spotLivesS: '3600', spotFirstHourFree: true } as const;
    expect(resultOf(traceOf('0,1', '3700,1'), late).costUsd).toBe(0.083889334); // 3701 s, rounded up
  });
});

describe('options of spot machines', () => {
  const misuse = (scenario: ScenarioInput) => () => simulate(traceOf('0,1'), scenario);

  it('are refused without spot machines, and where they contradict each other', () => {
    expect(misuse({ platforms: ['vm'], spotNoticeS: 30, spotDiscount: 70 })).toThrow(
      expect.objectContaining({
        code: 'config-invalid',
        message: expect.stringMatching(/spotNoticeS: is for spotRate or spotLivesS.*spotDiscount: is for/),
      }),
    );
    expect(misuse({ platforms: ['vm'], attempts: 3 })).toThrow(
      /attempts: is for functions, or machines with/,
    );
    expect(misuse({ platforms: ['vm'], bootS: 3 })).toThrow(/bootS: is for paas, vm-group, or vm with/);
    expect(misuse({ platforms: ['vm'], spotRate: 1, spotLivesS: '60' })).toThrow(
      /spotRate: is for lives by a rate/,
    );
    expect(misuse({ platforms: ['paas'], spotRate: 1 })).toThrow(/spotRate: is for vm, vm-group/);
  });

  it('are checked one by one', () => {
    for (const spotLivesS of ['', 'x', '0', '10,', '10,-1'])
      expect(misuse({ platforms: ['vm'], spotLivesS })).toThrow(/spotLivesS: expected seconds above 0/);
    expect(misuse({ platforms: ['vm'], spotRate: -1 })).toThrow(/spotRate: expected a number from 0 to 3600/);
    expect(misuse({ platforms: ['vm'], spotRate: 1, spotDiscount: 100 })).toThrow(
      /from 0 to 99.999, got 100/,
    );
    expect(misuse({ platforms: ['vm'], spotRate: 1, spotReplacement: 'never' as 'after' })).toThrow(
      /spotReplacement: expected one of after, at-notice/,
    );
  });

  it('are refused where no machine would live to take a request', () => {
    expect(misuse({ platforms: ['vm'], spotLivesS: '60,180', bootS: 60 })).toThrow(
      expect.objectContaining({
        code: 'config-invalid',
        message: expect.stringContaining(
          'boot and their notice, 180 s together, got lives that all are shorter',
        ),
      }),
    );
    expect(misuse({ platforms: ['vm'], spotRate: 3_600 })).toThrow(/got 3600 interruptions an hour/);
  });
});
