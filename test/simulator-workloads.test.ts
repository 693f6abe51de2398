/** Made-up workloads and transformations: what they promise about counts, order, rates and streams. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { describeTrace } from '../simulator/traces/describe.ts';
import { readTraceFile } from '../simulator/traces/file.ts';
import { openWorkload, type WorkloadOptions } from '../simulator/traces/load.ts';
import { readTraceText } from '../simulator/traces/read.ts';
import type { Trace } from '../simulator/traces/trace.ts';
import { parseSteps } from '../simulator/traces/transform.ts';
import { mixed, scaled } from '../simulator/traces/transform-steps.ts';
import { atOnce } from '../simulator/traces/turns.ts';
import { parseWorkload } from '../simulator/traces/workload.ts';

const folder = mkdtempSync(join(tmpdir(), 'ebb-workloads-'));
afterAll(() => rmSync(folder, { recursive: true }));

const make = (synthetic: string, options: WorkloadOptions = {}): Promise<Trace> =>
  openWorkload(null, { synthetic, serviceTime: 'exponential:50ms', ...options }) as Promise<Trace>;
const isSorted = ({ arrivedAtUs }: Trace): boolean =>
  arrivedAtUs.every((time, at) => at === 0 || time >= (arrivedAtUs[at - 1] as number));
/** Requests from one second to before another. */
const between = ({ arrivedAtUs }: Trace, fromS: number, toS: number): number =>
  arrivedAtUs.filter((us) => us >= fromS * 1e6 && us < toS * 1e6).length;
const ofFunction = (trace: Trace, name: string): number =>
  trace.functionIndex.filter((index) => trace.functionNames[index] === name).length;
/** Of a Poisson count: five standard deviations miss once in two million seeds, and the seed is fixed. */
const near = (count: number, expected: number): void => {
  expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected));
};

describe('a made-up workload', () => {
  it('poisson: the rate, gaps and counts of a Poisson process', async () => {
    const trace = await make('poisson:rate=20/s,duration=1h');
    near(trace.count, 72_000);
    const info = describeTrace(trace);
    expect(info.gapsCv).toBeCloseTo(1, 1);
    expect(info.perSecond.dispersion).toBeCloseTo(1, 1);
    expect(isSorted(trace)).toBe(true);
    expect(trace.filled).toEqual([
      'arrivedAtUs by poisson:rate=20/s,duration=1h, seed 1',
      'runUs by exponential(50ms), seed 1 (all requests)',
    ]);
  });

  it('spike, ramp and attack: the rates that they say, when they say', async () => {
    const spike = await make('spike:rate=10/s,peak=100/s,at=60s,for=30s,duration=5m');
    near(between(spike, 0, 60), 600);
    near(between(spike, 60, 90), 3_000);
    near(between(spike, 90, 300), 2_100);
    const ramp = await make('ramp:from=0/s,to=100/s,duration=100s');
    near(ramp.count, 5_000);
    near(between(ramp, 0, 50), 1_250);
    const attack = await make('attack:rate=10/s,attack=50/s,at=10s,for=10s,duration=60s,functions=a:1+b:9');
    const calm = await make('poisson:rate=10/s,duration=60s,functions=a:1+b:9');
    expect(attack.count).toBe(calm.count + 500);
    expect(ofFunction(attack, 'b')).toBe(ofFunction(calm, 'b'));
  });

  it('mmpp: burstier than Poisson; diurnal: days, nights and weekends', async () => {
    const mmpp = await make('mmpp:rate=1/s,burst=50/s,on=10s,off=60s,duration=2h');
    expect(describeTrace(mmpp).perSecond.dispersion).toBeGreaterThan(5);
    const week = await make('diurnal:rate=1/s,swing=0.5,peak=12h,weekend=0.5,duration=1w');
    const day = (from: number, hour: number) =>
      between(week, from * 86_400 + hour * 3_600, from * 86_400 + (hour + 1) * 3_600);
    near(day(1, 12), 3_600 * 1.5);
    near(day(1, 0), 3_600 * 0.5);
    near(day(6, 12), 3_600 * 0.75);
  });

  it('retry-storm: more than without the outage, and only after it began', async () => {
    const storm = await make('retry-storm:rate=10/s,at=60s,for=60s,retries=3,pause=1s,duration=5m');
    const calm = await make('poisson:rate=10/s,duration=5m');
    expect(between(storm, 0, 60)).toBe(between(calm, 0, 60));
    expect(between(storm, 60, 300)).toBeGreaterThan(between(calm, 60, 300) + 600);
    expect(isSorted(storm)).toBe(true);
  });

  it('shares requests among functions by weight, or by rank', async () => {
    const named = await make('poisson:rate=100/s,duration=100s,functions=api:7+batch:3');
    near(ofFunction(named, 'api'), 7_000);
    const ranked = await make('poisson:rate=100/s,duration=100s,functions=10,skew=1');
    const harmonic = Array.from({ length: 10 }, (_, at) => 1 / (at + 1)).reduce((a, b) => a + b);
    near(ofFunction(ranked, 'f01'), 10_000 / harmonic);
    expect(ranked.functionNames).toHaveLength(10);
  });

  it('has one stream for each purpose: neither service times nor functions move arrivals', async () => {
    const base = await make('poisson:rate=10/s,duration=60s');
    const slow = await make('poisson:rate=10/s,duration=60s', { serviceTime: 'gamma:9s,cv=3' });
    const many = await make('poisson:rate=10/s,duration=60s,functions=50');
    expect(slow.arrivedAtUs).toEqual(base.arrivedAtUs);
    expect(many.arrivedAtUs).toEqual(base.arrivedAtUs);
    expect(many.runUs).toEqual(base.runUs);
    expect(await make('poisson:rate=10/s,duration=60s')).toEqual(base);
    expect((await make('poisson:rate=10/s,duration=60s', { seed: 2 })).arrivedAtUs).not.toEqual(
      base.arrivedAtUs,
    );
  });

  it('needs a service time, and either itself or a file', async () => {
    const text = 'poisson:rate=1/s,duration=9m';
    await expect(openWorkload(null, { synthetic: text })).rejects.toThrow(/serviceTime fills them/);
    await expect(openWorkload(null, {})).rejects.toThrow(
      /expected either it or the file of a trace, got neither/,
    );
    await expect(openWorkload('x', { synthetic: text })).rejects.toMatchObject({ code: 'usage' });
    await expect(make(text, { csvTime: 't' })).rejects.toThrow(/expected no options of files, got csvTime/);
    await expect(make('poisson:rate=0/s,duration=1s')).rejects.toMatchObject({ code: 'trace-empty' });
  });

  it('is refused when it is written wrongly', () => {
    const cases: readonly [text: string, message: RegExp, code?: string][] = [
      [
        'poison:rate=1/s',
        /^synthetic "poison:rate=1\/s": expected one of poisson, .* \(did you mean poisson\?\)$/,
      ],
      ['poisson', /expected duration=… \(a time above 0 .*\), got none/],
      ['poisson:duration=1h', /expected rate=… \(a rate such as 10\/s or 600\/m\), got none/],
      ['poisson:rate=10,duration=1h', /expected rate to be a rate such as .*, got "10"/],
      ['poisson:rate=1/s,duration=0s', /expected duration to be a time above 0/],
      [
        'poisson:rate=1/s,duration=1h,rat=2',
        /expected the keys duration, rate, functions, skew, got "rat" \(did you mean rate\?\)/,
      ],
      ['poisson:rate=1/s,duration=1h,functions=a:0', /expected functions to be a number .* got "a:0"/],
      ['poisson:rate=1/s,duration=1h,functions=0', /expected functions to be a number/],
      ['diurnal:rate=1/s,duration=1h,swing=2', /expected swing to be a number from 0 to 1, got "2"/],
      ['retry-storm:rate=1/s,at=0s,for=1s,duration=1h,retries=0.5', /expected retries to be a whole number/],
      ['poisson:rate=1000000/s,duration=1w', /expected at most \d+ requests, got about/, 'trace-too-large'],
    ];
    for (const [text, message, code = 'usage'] of cases) {
      const got = (() => {
        try {
          return parseWorkload(text);
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(got, text).toMatchObject({ code, message: expect.stringMatching(message) });
    }
  });
});

const CSV = { csvTime: 't', csvDuration: 'd', csvFunction: 'f' } as const;
const rows = ['0,1,a', '1,2,b', '4,3,a', '10,4,c'];
const read = (transform: string | string[], text = rows.join('\n')): Trace =>
  readTraceText(`t,d,f\n${text}`, 'x', { ...CSV, transform });
const timesS = (trace: Trace): number[] => Array.from(trace.arrivedAtUs, (us) => us / 1e6);
const named = (trace: Trace): string[] =>
  Array.from(trace.functionIndex, (index) => trace.functionNames[index] as string);

describe('counts that are spread', () => {
  it('are all there, each in its interval, by either rule and any seed', () => {
    const series = fc
      .array(fc.nat({ max: 30 }), { minLength: 2, maxLength: 20 })
      .filter((list) => list.some((count) => count > 0));
    fc.assert(
      fc.property(series, fc.constantFrom('uniform', 'even'), fc.nat(), (list, spread, seed) => {
        const text = list.map((count, at) => `${at * 60},${count}`).join('\n');
        const options = { serviceTime: 'constant:1ms', spread, seed } as const;
        const trace = readTraceText(`timestamp,value\n${text}`, 'x', options);
        const found = new Array<number>(list.length).fill(0);
        for (const us of trace.arrivedAtUs)
          found[Math.floor(us / 60e6)] = (found[Math.floor(us / 60e6)] ?? 0) + 1;
        expect(found).toEqual(list);
        expect(isSorted(trace)).toBe(true);
      }),
    );
  });
});

describe('a transformation', () => {
  it('slice, filter, compress and repeat do what they say, in order', () => {
    expect(timesS(read('slice=1s..10s'))).toEqual([1, 4]);
    expect(timesS(read('slice=4s..'))).toEqual([4, 10]);
    expect(named(read('filter=function=a'))).toEqual(['a', 'a']);
    expect(named(read('filter=function!=a'))).toEqual(['b', 'c']);
    expect(named(read('filter=function~^[a,b]$'))).toEqual(['a', 'b', 'a']);
    expect(read('filter=function!~a|b').functionNames).toEqual(['c']);
    expect(timesS(read('compress=10'))).toEqual([0, 0.1, 0.4, 1]);
    expect(timesS(read('repeat=2/20s,slice=15s..'))).toEqual([20, 21, 24, 30]);
    expect(timesS(read('slice=15s..,repeat=2', '0,1,a\n20,1,b'))).toEqual([20, 21]);
    expect(timesS(read('repeat=2'))).toEqual([0, 1, 4, 10, 13.333333, 14.333333, 17.333333, 23.333333]);
    expect([...read('filter=function~a').runUs]).toEqual([1e6, 3e6]);
    expect(read(['slice=0s..5s', 'compress=2,repeat=3']).transformed).toEqual([
      'slice=0s..5s: 4 requests became 3',
      'compress=2: 3 requests became 3',
      'repeat=3: 3 requests became 9',
    ]);
  });

  const anyRows = fc
    .array(fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: 9 }), fc.constantFrom('a', 'b', 'c')), {
      minLength: 1,
      maxLength: 40,
    })
    .map((list) => list.map((row) => row.join()).join('\n'));
  const counted = (trace: Trace): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const name of named(trace)) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  };

  it('keeps the counts of every function, and the order of time', () => {
    fc.assert(
      fc.property(anyRows, fc.integer({ min: 1, max: 4 }), (text, factor) => {
        const before = read([], text);
        const times = (trace: Trace, by: number) =>
          Object.fromEntries(Object.entries(counted(trace)).map(([name, count]) => [name, count * by]));
        for (const step of [`scale=${factor}`, `repeat=${factor}`]) {
          const after = read(step, text);
          expect(counted(after)).toEqual(times(before, factor));
          expect(isSorted(after)).toBe(true);
          expect(after.runUs.reduce((a, b) => a + b)).toBe(before.runUs.reduce((a, b) => a + b) * factor);
        }
        const compressed = read(`compress=${factor + 0.5}`, text);
        expect(counted(compressed)).toEqual(counted(before));
        expect(isSorted(compressed)).toBe(true);
        const parts = [read('filter=function~a|b|c', text).count, read(`slice=0s..`, text).count];
        expect(parts).toEqual([before.count, before.count]);
      }),
    );
  });

  it('scale keeps each request and its span, and thins as if by a coin', async () => {
    const base = await make('poisson:rate=50/s,duration=200s');
    const double = atOnce(scaled(base, 2.5, 3, 'test'));
    near(double.count, base.count * 2.5);
    expect(double.arrivedAtUs.at(-1)).toBe(base.arrivedAtUs.at(-1));
    const thin = atOnce(scaled(base, 0.25, 3, 'test'));
    near(thin.count, base.count / 4);
    const known = new Set(base.arrivedAtUs);
    expect(thin.arrivedAtUs.every((time) => known.has(time))).toBe(true);
    expect(atOnce(scaled(base, 0.25, 3, 'test'))).toEqual(thin);
    expect(atOnce(scaled(base, 0.25, 4, 'test')).arrivedAtUs).not.toEqual(thin.arrivedAtUs);
  });

  it('scale below 1 as the first step thins while the trace is read, and says so', () => {
    const text = Array.from({ length: 2_000 }, (_, at) => `${at},1,a`).join('\n');
    const trace = read('scale=0.5,compress=2', text);
    near(trace.count, 1_000);
    expect(trace.transformed).toEqual([
      `scale=0.5: ${trace.count} of 2000 requests kept while reading, seed 1`,
      `compress=2: ${trace.count} requests became ${trace.count}`,
    ]);
  });

  it('mix merges another trace from its own beginning, fills it, and keeps functions apart', async () => {
    const path = join(folder, 'x.csv');
    const other = join(folder, 'other.csv');
    writeFileSync(path, 't,d,f\n100,1,function\n105,1,b\n');
    writeFileSync(other, 'timestamp,value\n0,1\n10,1\n');
    const options = { ...CSV, serviceTime: 'constant:9s', transform: `mix=${other}` } as const;
    const trace = await readTraceFile(path, options);
    expect(trace.count).toBe(4);
    expect(trace.functionNames).toEqual(['function', 'b', `function (${other})`]);
    expect(trace.arrivedAtUs[0]).toBe(100e6);
    expect(isSorted(trace)).toBe(true);
    expect(trace.runUs.reduce((a, b) => a + b)).toBe(20e6);
    expect(trace.filled).toEqual([
      `${other}: arrivedAtUs within their interval: uniform, seed 1`,
      `${other}: runUs by constant(9s), seed 1 (all requests)`,
    ]);
    await expect(readTraceFile(path, { ...CSV, transform: 'mix=none.csv' })).rejects.toMatchObject({
      code: 'file-unreadable',
    });
    const memory = await readTraceFile(path, {
      ...CSV,
      csvMemory: 'd',
      serviceTime: 'constant:1s',
      transform: `mix=${other}`,
    });
    expect(memory.columns.memoryBytesLimit).toBeUndefined();
    expect(memory.transformed[0]).toBe(
      `mix=${other}: without memoryBytesLimit, which only one of the two has`,
    );
  });

  it('mix keeps every request of both, in order', async () => {
    const one = await make('poisson:rate=5/s,duration=60s,functions=a:1+b:1');
    const two = await make('poisson:rate=3/s,duration=90s,functions=b:1+c:1', { seed: 9 });
    const both = atOnce(mixed(one, two));
    expect(both.count).toBe(one.count + two.count);
    expect(isSorted(both)).toBe(true);
    expect(both.functionNames).toEqual(['a', 'b', `b (${two.name})`, 'c']);
    expect(ofFunction(both, 'b')).toBe(ofFunction(one, 'b'));
    expect(ofFunction(both, `b (${two.name})`)).toBe(ofFunction(two, 'b'));
    const total = ({ runUs }: Trace) => runUs.reduce((sum, us) => sum + us, 0);
    expect(total(both)).toBe(total(one) + total(two));
  });

  it('that leaves nothing, makes too much or is written wrongly is refused', () => {
    const refused = (transform: string): { code: string; message: string } => {
      try {
        read(transform);
      } catch (thrown) {
        return thrown as { code: string; message: string };
      }
      throw new Error(`${transform} was applied`);
    };
    expect(refused('slice=11s..')).toMatchObject({
      code: 'trace-empty',
      message: 'x: slice=11s.. leaves none of 4 requests',
    });
    expect(refused('repeat=100000,scale=1000')).toMatchObject({ code: 'trace-too-large' });
    expect(refused('repeat=2/5s').message).toMatch(
      /repeat expected a period of at least the trace's own 10 s, got 5 s/,
    );
    for (const [text, message] of [
      ['scal=2', /expected one of scale=…, .* got "scal" \(did you mean scale\?\)/],
      ['2', /got "2"/],
      ['scale=0', /expected a number above 0/],
      ['compress=x', /expected a number above 0/],
      ['repeat=1.5', /expected 1 to 100000 times/],
      ['slice=5s..1s', /expected two rising times with units/],
      ['filter=name~a', /expected function=NAME/],
      ['filter=function~(', /expected a regular expression, got Invalid regular expression/],
      ['mix=', /expected the file of a trace, got nothing/],
    ] as const) {
      expect(() => parseSteps(text), text).toThrow(
        expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
      );
    }
  });
});

describe('the description of a trace', () => {
  it('of the bundled LLM trace: its peak and its index of dispersion as published with it', async () => {
    const file = new URL('../simulator/traces/samples/azure_llm2023_code.csv', import.meta.url).pathname;
    const info = describeTrace(
      await readTraceFile(file, { csvTime: 'TIMESTAMP', csvDuration: '0.05+0.02*GeneratedTokens' }),
    );
    expect(info).toMatchObject({ requests: 8_819, spanS: 3_435.948056, perSecond: { max: 67 } });
    expect(info.perSecond.dispersion).toBeCloseTo(13.18, 2);
    expect(info.shape.counts.reduce((a, b) => a + b)).toBe(8_819);
  });

  it('counts who overlaps, offered load and start-ups, and survives a single request', () => {
    const info = describeTrace(read([], '0,4,a\n1,1,a\n2,1,b\n8,0,a'));
    expect(info).toMatchObject({ concurrencyMax: 2, concurrencyMean: 0.75, functions: 2, startups: null });
    expect(info.topFunctions[0]).toEqual({ name: 'a', requests: 3, share: 0.75, meanMs: 1_666.666667 });
    expect(describeTrace(read([], '7,1,a'))).toMatchObject({
      spanS: 0,
      gapsCv: null,
      concurrencyMean: null,
      shape: { columnS: 0, counts: [1] },
    });
  });
});
