/** Scenarios: defaults, limits, prices and sizes, refusals, and the report that people read. */
import { describe, expect, it } from 'vitest';
import type { CodedError } from '../metering/errors.ts';
import { comparisonTable } from '../simulator/report/table.ts';
import type { PlatformResult } from '../simulator/result.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { readTraceText } from '../simulator/traces/read.ts';
import { syntheticTrace } from './synthetic-load.ts';

const CSV = { csvTime: 't', csvDuration: 'd' } as const;
/** Rows of `time,duration` in seconds. */
const traceOf = (...rows: readonly string[]) => readTraceText(['t,d', ...rows].join('\n'), 'rows.csv', CSV);
const burst = (requests: number, runS = 1) => traceOf(...Array.from({ length: requests }, () => `0,${runS}`));
const one = traceOf('0,1');

const resultOf = (trace: ReturnType<typeof traceOf>, scenario: ScenarioInput): PlatformResult =>
  simulate(trace, scenario).platforms[0] as PlatformResult;

function refusal(scenario: unknown): CodedError {
  try {
    simulate(one, scenario as ScenarioInput);
  } catch (thrown) {
    return thrown as CodedError;
  }
  throw new Error('it was simulated');
}

describe('a scenario', () => {
  it('has defaults, and says which were used', () => {
    const result = simulate(one);
    expect(result).toMatchObject({ version: 'unknown', seed: 1 });
    expect(
      result.platforms.map(({ name, priceBook, instanceType }) => [name, priceBook, instanceType]),
    ).toEqual([
      ['functions', 'aws-lambda-x86', null],
      ['vm', 'aws-ec2', 'm7g.medium'],
      ['paas', 'heroku', 'Performance-M'],
    ]);
    expect(result.platforms.map(({ settings }) => settings)).toEqual([
      { keepAliveS: 600, coldStartMs: 250, pick: 'newest', maxInstances: 1000, memoryMb: null },
      { instances: 1, cores: 1, queueLimit: null, memoryMb: null },
      { minInstances: 1, maxInstances: 10, requestsAtOnce: 2, queueLimit: null, memoryMb: null },
    ]);
    expect(simulate(one, { seed: 5 }, { version: '1.2.3' })).toMatchObject({ version: '1.2.3', seed: 5 });
  });

  it('is refused with all its faults at once', () => {
    const error = refusal({
      platform: ['vm'],
      keepAliveS: -1,
      coldStartMs: 'soon',
      pick: 'random',
      instances: 0,
      cores: 1.5,
      memoryMb: Number.NaN,
      prices: [],
      freeTier: 'yes',
      queueLimit: -1,
      seed: 2 ** 53,
    });
    expect(error.code).toBe('config-invalid');
    expect(error.message).toMatch(/no option "platform" \(did you mean platforms\?\)/);
    expect(error.message).toMatch(/keepAliveS: expected a number from 0 to 1000000000, got -1/);
    expect(error.message).toMatch(/pick: expected one of newest, oldest, lru, got "random"/);
    expect(error.details?.faults).toHaveLength(11);
  });

  it.each([
    [
      { platforms: ['vms'] },
      'config-invalid',
      /platforms: .* functions, vm, paas, .*ebb \(did you mean vm\?\), got \["vms"\]/,
    ],
    [{ platforms: 'vm' }, 'config-invalid', /platforms: expected a list of names/],
    [{ coldStartMs: 'trace' }, 'config-invalid', /a trace of the format csv has no start-up times/],
    [{ prices: ['aws-lambda'] }, 'prices-unknown', /no price book "aws-lambda"; there are aws-lambda-x86/],
    [
      { platforms: ['functions'], prices: ['heroku'] },
      'prices-unfit',
      /heroku bills instances; for functions expected one that bills executions: aws-lambda-x86, /,
    ],
    [
      { platforms: ['vm', 'paas'], prices: ['aws-lambda-arm'] },
      'prices-unfit',
      /bills executions; for vm, paas expected .*aws-ec2, .*heroku/,
    ],
    [
      { platforms: ['vm'], cores: 9 },
      'prices-unfit',
      /aws-ec2 has no size with 9 vCPUs of its own; its largest is m7g\.2xlarge with 8/,
    ],
    [
      { instanceType: 'm7g.huge' },
      'config-invalid',
      /no size "m7g\.huge"; there are .*t4g\.small, .*Performance-L/,
    ],
    [{ platforms: ['functions'], instanceType: 'm7g.large' }, 'config-invalid', /functions have none/],
    [
      { platforms: ['vm'], instanceType: 'm7g.large', cores: 4 },
      'config-invalid',
      /cores: expected at most 2, .* got 4/,
    ],
  ])('is refused: %j', (scenario, code, message) => {
    expect(refusal(scenario)).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe('prices', () => {
  it.each([
    [{ platforms: ['vm'], cores: 1 }, 'm7g.medium'],
    [{ platforms: ['vm'], cores: 3 }, 'm7g.xlarge'],
    [{ platforms: ['vm'], instanceType: 't4g.small' }, 't4g.small'],
    [{ platforms: ['vm'], prices: ['heroku'] }, 'Performance-M'],
    [{ platforms: ['paas'], instanceType: 'Performance-L' }, 'Performance-L'],
    [{ platforms: ['paas'], prices: ['aws-ec2'], cores: 8 }, 'm7g.2xlarge'],
  ] as const)('choose a size: %j is %s', (scenario, size) => {
    expect(resultOf(one, scenario).instanceType).toBe(size);
  });

  it('go to the platforms that they fit, and each book makes an entry', () => {
    const books = (prices: readonly string[]) =>
      simulate(one, { prices }).platforms.map(({ name, priceBook }) => `${name} ${priceBook}`);
    expect(books(['heroku', 'aws-lambda-arm'])).toEqual([
      'functions aws-lambda-arm',
      'vm aws-ec2',
      'paas heroku',
    ]);
    expect(books(['cloudflare-workers', 'gcp-cloud-run'])).toEqual([
      'functions cloudflare-workers',
      'functions gcp-cloud-run',
      'vm aws-ec2',
      'paas heroku',
    ]);
  });

  it('give the bill that the providers publish', () => {
    // Ten million requests of 120 ms at 512 MB are 12.00002 USD on Lambda x86; a hundred thousandth of it here.
    const trace = traceOf(...Array.from({ length: 100 }, (_, at) => `${at},0.12`));
    const lambda = resultOf(trace, { platforms: ['functions'], coldStartMs: 0 });
    expect(lambda.costUsd).toBe(0.000120001);
    expect(resultOf(trace, { platforms: ['functions'], coldStartMs: 0, freeTier: true }).costUsd).toBe(0);
    const [, duration] = resultOf(trace, {
      platforms: ['functions'],
      coldStartMs: 0,
      memoryMb: 1024,
    }).invoice;
    expect(duration?.quantity).toBe(12);
    // An hour of two m7g.large at 0.0816 USD.
    const hour = traceOf('0,1', '3599,1');
    expect(resultOf(hour, { platforms: ['vm'], instances: 2, instanceType: 'm7g.large' }).costUsd).toBe(
      0.1632,
    );
  });
});

describe('limits', () => {
  it('of functions reject what finds all instances busy, with status 429', () => {
    const functions = resultOf(burst(5), { platforms: ['functions'], maxInstances: 2 });
    expect(functions).toMatchObject({ requests: 5, served: 2, rejected: 3, instancesPeak: 2, coldStarts: 2 });
    expect(functions.usage.byOutcome).toEqual({ ok: 2, rejected: 3 });
  });

  it('of functions make an idle instance of another function give way', () => {
    const trace = readTraceText('t,d,f\n0,1,a\n5,1,b\n9,1,a', 'x', { ...CSV, csvFunction: 'f' });
    const scenario = { platforms: ['functions'], maxInstances: 1, coldStartMs: 0 } as const;
    // a lives from 0 to 5, b from 5 to 9, a again from 9 to 10 and its 600 s of idling.
    expect(resultOf(trace, scenario)).toMatchObject({
      served: 3,
      coldStarts: 3,
      instancesPeak: 1,
      aliveSeconds: 610,
    });
    expect(resultOf(trace, { ...scenario, maxInstances: 2 })).toMatchObject({
      coldStarts: 2,
      instancesPeak: 2,
    });
  });

  it.each(['vm', 'paas'] as const)('of the queue reject what would wait behind it (%s)', (name) => {
    const scenario = { platforms: [name], instances: 1, cores: 1 } as const;
    expect(resultOf(burst(5), { ...scenario, queueLimit: 2 })).toMatchObject({
      served: 3,
      rejected: 2,
      waited: 2,
    });
    expect(resultOf(burst(5), { ...scenario, queueLimit: 0 })).toMatchObject({
      served: 1,
      rejected: 4,
      waited: 0,
    });
    expect(resultOf(burst(5), scenario)).toMatchObject({
      served: 5,
      rejected: 0,
      aliveSeconds: 5,
      busySeconds: 5,
    });
  });
});

describe('an idle instance', () => {
  it('takes a request at the very end of its keep-alive, and not after', () => {
    const cold = (gapUs: number) =>
      resultOf(readTraceText(`t,d\n0,0\n${gapUs},0`, 'x', { ...CSV, csvTimeUnit: 'us' }), {
        platforms: ['functions'],
        keepAliveS: 1,
        coldStartMs: 0,
      }).coldStarts;
    expect([cold(1_000_000), cold(1_000_001)]).toEqual([1, 2]);
  });

  it('is picked as told: two of them, the first created freed last', () => {
    // 1 runs to 3 s, 2 to 2 s; the third request at 10 s takes one, and only the other expires at its own time.
    const trace = traceOf('0,3', '1,1', '10,1');
    const alive = (pick: 'newest' | 'oldest' | 'lru') =>
      resultOf(trace, { platforms: ['functions'], keepAliveS: 20, coldStartMs: 0, pick }).aliveSeconds;
    expect(alive('newest')).toBe(23 + 30);
    expect(alive('oldest')).toBe(31 + 21);
    expect(alive('lru')).toBe(23 + 30);
  });
});

describe('the autoscaler', () => {
  // Ten requests a second of one second each for ten minutes, then one a minute for an hour.
  const rush = Array.from({ length: 6_000 }, (_, at) => `${at / 10},1`);
  const calm = Array.from({ length: 60 }, (_, at) => `${660 + at * 60},1`);
  const scenario = { platforms: ['paas'], cores: 1, maxInstances: 20 } as const;

  it('starts dynos under load within its maximum and stops them in calm', () => {
    const paas = resultOf(traceOf(...rush, ...calm), scenario);
    expect(paas.instancesPeak).toBeGreaterThan(10);
    expect(paas.instancesPeak).toBeLessThanOrEqual(20);
    const one = { ...scenario, maxInstances: undefined, instances: paas.instancesPeak };
    const fixed = resultOf(traceOf(...rush, ...calm), one);
    expect(paas.aliveSeconds).toBeLessThan(fixed.aliveSeconds * 0.7);
    expect(resultOf(traceOf(...rush), { ...scenario, maxInstances: 5 }).instancesPeak).toBe(5);
  });

  it('lets nobody on a dyno before it has booted', () => {
    const paas = resultOf(traceOf(...rush), scenario);
    // One dyno alone for the first 40 s: ten come each second, one is served.
    expect(paas.waitMs.max).toBeGreaterThan(30_000);
    expect(paas.served).toBe(6_000);
  });

  it('does not count the periods of a gap of years', () => {
    const paas = resultOf(traceOf('0,1', '1700000000,1'), { platforms: ['paas'] });
    expect(paas).toMatchObject({ served: 2, aliveSeconds: 1_700_000_001 });
  });
});

describe('a long simulation', () => {
  const trace = syntheticTrace({
    seed: 1,
    requests: 50_000,
    meanGapUs: 1_000,
    meanRunUs: 900,
    run: 'exponential',
  });

  it('says how far it is', () => {
    const fractions: number[] = [];
    simulate(trace, {}, { onProgress: (fraction) => void fractions.push(fraction) });
    expect(fractions.length).toBeGreaterThan(15);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect([fractions[0], fractions.at(-1)]).toEqual([0, 1]);
  });

  it('ends when it is told to', () => {
    const controller = new AbortController();
    const onProgress = (fraction: number) => fraction > 0.5 && controller.abort();
    const run = () => simulate(trace, {}, { onProgress, signal: controller.signal });
    expect(run).toThrow(expect.objectContaining({ code: 'interrupted' }));
  });
});

describe('the table', () => {
  it('shows every figure of every platform within 110 columns', () => {
    const result = simulate(burst(1_234), {
      prices: ['aws-lambda-x86', 'cloudflare-workers', 'azure-functions'],
    });
    const table = comparisonTable(result);
    expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
    expect(table).toMatch(/^rows\.csv \(csv\): 1,234 requests to 1 function over 0\.000 s\n/);
    expect(table).toMatch(/^ +functions +functions +functions$/m);
    expect(table).toMatch(/^price book +aws-lambda-x86 +cloudflare-workers +azure-functions$/m);
    expect(table).toMatch(/^ {2}rejected +234 +234 +234$/m);
    expect(table).toMatch(/^wait p99, ms +250\.000 +250\.000 +250\.000$/m);
    expect(table).toMatch(/^ {2}base fee +1 × month at 5 USD +5\.000000000$/m);
    expect(table).not.toMatch(/NaN|undefined|null| $/m);
  });
});
