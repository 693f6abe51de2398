/** Sweeps over the traffic itself: what if it doubles, comes twice as fast, or comes again? */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { CodedError } from '../metering/errors.ts';
import { sweepTable } from '../simulator/report/sweep-table.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import type { SweepInput } from '../simulator/sweep/axes.ts';
import { type SweepResult, sweep } from '../simulator/sweep/sweep.ts';
import type { ParallelRun, Progress } from '../simulator/threads/parallel-run.ts';
import { WorkloadTraces } from '../simulator/threads/workload-traces.ts';
import { atRate } from '../simulator/traces/traffic.ts';
import { ebb } from './cli-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'ebb-traffic-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FILE = join(folder, 'trace.csv');
const ROWS = Array.from({ length: 900 }, (_, at) => `${(at * 37) % 300},${(at % 13) / 10},${'abc'[at % 3]}`);
writeFileSync(FILE, ['t,d,f', ...ROWS].join('\n'));
const CSV = { csvTime: 't', csvDuration: 'd', csvFunction: 'f', csvTimeUnit: 's' } as const;
const SYNTHETIC = {
  synthetic: 'poisson:rate=20/s,duration=60s,functions=3',
  serviceTime: 'exponential:50ms',
} as const;
const BASE: ScenarioInput = { platforms: ['functions', 'vm'], instances: 2, cores: 4 };
const on = (threads: number, onRun?: (run: ParallelRun) => void) => ({ version: '1', threads, onRun });

const swept = (
  traces: WorkloadTraces,
  input: SweepInput,
  { threads = 1, require = [] as string[], base = BASE } = {},
): Promise<SweepResult> => sweep(traces, base, { sweep: input, require }, on(threads));

const refusal = (traces: WorkloadTraces, input: SweepInput): Promise<CodedError> =>
  swept(traces, input).then(
    () => Promise.reject(new Error('it was simulated')),
    (thrown: CodedError) => thrown,
  );

/** In memory, and in files and streams. */
const BOTH_WAYS = [1e6, 100] as const;

describe.each(BOTH_WAYS)('swept traffic, in memory up to %s requests,', (inMemoryMax) => {
  const ofFile = (more = {}) => new WorkloadTraces(FILE, { ...CSV, ...more }, {}, inMemoryMax);
  const madeUp = (more = {}) => new WorkloadTraces(null, { ...SYNTHETIC, ...more }, {}, inMemoryMax);

  it.each([
    ['a file', ofFile, undefined],
    ['a transformed file', ofFile, 'compress=2,repeat=2'],
    ['a file thinned while it is read', ofFile, 'scale=0.5,compress=2'],
    ['a made-up workload', madeUp, undefined],
    ['a transformed made-up workload', madeUp, 'slice=0s..30s'],
  ])('gives at each point what the same transformations of %s give alone', async (_, tracesOf, transform) => {
    const own = transform === undefined ? {} : { transform };
    const traces = tracesOf(own);
    const result = await swept(traces, { scale: '1,2.5', repeat: [1, '2/400s'] });
    expect(result.complete).toBe(true);
    expect(result.points).toHaveLength(8);
    expect(result.traffic).toHaveLength(4);
    for (const { values, trace } of result.traffic) {
      const steps = Object.entries(values).flatMap(([key, value]) =>
        value === 1 ? [] : [`${key}=${value}`],
      );
      const all = [...(transform === undefined ? [] : [transform]), ...steps];
      const alone = tracesOf(all.length === 0 ? {} : { transform: all });
      const expected = simulate(await alone.of(0, {}), BASE);
      expect(trace).toEqual(expected.trace);
      const points = result.points.filter((point) => JSON.stringify(point.values) === JSON.stringify(values));
      expect(points.map(({ result: own }) => own)).toEqual(
        expected.platforms.map(({ functions: _, ...rest }) => rest),
      );
      alone.end();
    }
    expect(result.trace).toEqual(result.traffic[0]?.trace);
    traces.end();
  });

  it('at a rate is the made-up workload of that rate', async () => {
    const traces = madeUp();
    const result = await swept(traces, { rate: '10/s,40/s' });
    for (const [rate, index] of [
      ['10/s', 0],
      ['40/s', 1],
    ] as const) {
      const alone = madeUp({ synthetic: `poisson:rate=${rate},duration=60s,functions=3` });
      const { trace, platforms } = simulate(await alone.of(0, {}), BASE);
      expect(result.traffic[index]).toEqual({ values: { rate }, trace, cheapest: null });
      const costs = result.points
        .filter(({ values }) => values.rate === rate)
        .map(({ result }) => result.costUsd);
      expect(costs).toEqual(platforms.map(({ costUsd }) => costUsd));
      alone.end();
    }
    traces.end();
  });

  it('gives the same bytes on any number of threads, replicated and beside other options', async () => {
    const base = { ...BASE, replications: 2 } as const;
    const input = { instances: '1,2', scale: '0.5,1,2', compress: '1,3' };
    const texts: string[] = [];
    for (const threads of [1, 2, 3]) {
      const traces = ofFile();
      texts.push(JSON.stringify(await swept(traces, input, { threads, base, require: ['p95Ms<=900'] })));
      traces.end();
    }
    expect(new Set(texts).size).toBe(1);
  });
});

describe('swept traffic', () => {
  it('is made of one trace, which is read once', async () => {
    const packed = join(folder, 'once.csv.gz');
    writeFileSync(packed, gzipSync(['t,d,f', ...ROWS].join('\n')));
    const traces = new WorkloadTraces(packed, CSV);
    await traces.of(0, {});
    // Whoever read it again would find nothing.
    rmSync(packed);
    const base = { ...BASE, replications: 2 };
    const { points } = await swept(traces, { scale: '1,2,3', compress: '1,2' }, { threads: 2, base });
    expect(points).toHaveLength(12);
    traces.end();
  });

  it('leaves no open file behind', async () => {
    const traces = new WorkloadTraces(FILE, CSV, {}, 100);
    const released: string[] = [];
    const { release } = traces;
    traces.release = (part) => {
      released.push(part);
      release.call(traces, part);
    };
    await swept(traces, { scale: '1,2', repeat: '1,2' });
    expect(new Set(released)).toEqual(
      new Set([
        '[0,{"scale":1,"repeat":2}]',
        '[0,{"scale":2,"repeat":1}]',
        '[0,{"scale":2,"repeat":2}]',
        '[0,{}]',
      ]),
    );
    expect(released).toHaveLength(4);
    traces.end();
  });

  it('has a cheapest point that holds for each, since nobody chooses the traffic', async () => {
    const traces = new WorkloadTraces(FILE, CSV);
    const require = ['p95Ms<=1500'];
    const base: ScenarioInput = { platforms: ['vm'], cores: 1 };
    const result = await swept(traces, { scale: '1,4,200', instances: '4..16*2' }, { require, base });
    expect(result.cheapest).toBe(null);
    for (const { values, cheapest } of result.traffic) {
      const under = result.points.filter(({ values: { scale } }) => scale === values.scale);
      const holding = under.filter(({ holds }) => holds);
      const least = Math.min(...holding.map(({ figures }) => figures.costUsd.mean));
      if (cheapest === null) expect(holding).toEqual([]);
      else {
        expect(result.points[cheapest]?.values.scale).toBe(values.scale);
        expect(result.points[cheapest]?.figures.costUsd.mean).toBe(least);
      }
    }
    expect(result.traffic.map(({ cheapest }) => cheapest !== null)).toEqual([true, true, false]);
    const table = sweepTable(result);
    expect(table.match(/ cheapest$/gm)).toHaveLength(2);
    expect(table).toMatch(/^at scale 4: 3,600 requests over 299\.\d+ s$/m);
    expect(table).toMatch(
      /^Cheapest that holds latencyP95Ms<=1500 and rejectedShare<=0 at scale 1: vm, aws-ec2, instances /m,
    );
    expect(table).toMatch(/^No point holds latencyP95Ms<=1500 and rejectedShare<=0 at scale 200\.$/m);
    traces.end();
  });

  it('knows how much there is to do before the later traces are made', async () => {
    const traces = new WorkloadTraces(FILE, CSV);
    let seen: Progress | null = null;
    const onRun = (run: ParallelRun): void => {
      const look = (): void => {
        const { progress } = run;
        if (progress.arrivalsTotal > 0) seen = progress;
        else setImmediate(look);
      };
      look();
    };
    const result = await sweep(traces, { platforms: ['vm'] }, { sweep: { scale: '1,2,7' } }, on(1, onRun));
    expect(result.points.map(({ result: { requests } }) => requests)).toEqual([900, 1_800, 6_300]);
    expect((seen as Progress | null)?.arrivalsTotal).toBe(9_000);
    traces.end();
  });

  it.each([
    [{ scale: '0' }, /sweep scale: expected a number above 0, up to 1000000, got 0/],
    [{ scale: 'twice' }, /sweep scale: expected a number above 0.*got "twice"/],
    [{ scale: ['2,compress=2'] }, /sweep scale: expected one value, got "2,compress=2"/],
    [{ compress: '1e9' }, /sweep compress: expected a number above 0/],
    [{ repeat: '1.5' }, /sweep repeat: expected 1 to 100000 times, with a period if need be.*got 1\.5/],
    [{ rate: '10' }, /sweep rate: expected rates with their unit such as 10\/s.*got "10"/],
    [{ rate: '0/s' }, /sweep rate: expected rates .*above 0, got "0\/s"/],
    [{ rate: '10/s' }, /sweep rate: expected a made-up workload \(synthetic\), got the file of a trace/],
    [{ slice: '0s..1s' }, /no option "slice" to sweep.*or the trace's scale, compress, repeat, rate/],
  ])('is refused before anything runs: %j', async (input, message) => {
    expect(await refusal(new WorkloadTraces(FILE, CSV), input as SweepInput)).toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(message),
    });
  });

  it('has no rate where the kind of workload has none, or too high a one', async () => {
    const ramp = { synthetic: 'ramp:from=1/s,to=9/s,duration=60s', serviceTime: 'constant:1ms' };
    expect(await refusal(new WorkloadTraces(null, ramp), { rate: '2/s' })).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/expected the keys duration, from, to, .*got "rate"/),
    });
    expect(await refusal(new WorkloadTraces(null, SYNTHETIC), { rate: '2/s,999/us' })).toMatchObject({
      code: 'trace-too-large',
    });
  });

  it('changes nothing of a workload but its rate', () => {
    expect(atRate('poisson:duration=1h, rate=5/s ,functions=a:7+b', '9/m')).toBe(
      'poisson:rate=9/m,duration=1h,functions=a:7+b',
    );
    expect(atRate('poisson:duration=1h', '9/m')).toBe('poisson:rate=9/m,duration=1h');
  });

  it('conserves requests: a whole scale of every trace has that many times as many, on every platform', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (times, scale, repeat) => {
          const path = join(folder, 'law.csv');
          writeFileSync(path, ['t,d', ...times.map((at) => `${at},0.2`)].join('\n'));
          const traces = new WorkloadTraces(path, { csvTime: 't', csvDuration: 'd', csvTimeUnit: 's' });
          const { points } = await swept(traces, { scale: [scale], repeat: [repeat] });
          for (const { result } of points) {
            expect(result.requests).toBe(times.length * scale * repeat);
            expect(result.served + result.rejected + result.failed).toBe(result.requests);
          }
          traces.end();
        },
      ),
      { numRuns: 4 },
    ));
});

describe('swept traffic on the command line', () => {
  const flags = ['--platform', 'vm', '--csv-time', 't', '--csv-duration', 'd', '--csv-time-unit', 's'];

  it('comes in flags and in a scenario file, in the table and as JSON', async () => {
    const scenario = join(folder, 'scenario.json');
    writeFileSync(scenario, JSON.stringify({ platforms: ['vm'], sweep: { scale: [1, 2] } }));
    const byFlags = await ebb('simulate', FILE, ...flags, '--sweep', 'scale=1,2', '--json');
    const byFile = await ebb('simulate', FILE, ...flags.slice(2), '--scenario', scenario, '--json');
    expect(byFlags.stdout).toBe(byFile.stdout);
    expect(JSON.parse(byFlags.stdout)).toMatchObject({
      sweep: { scale: [1, 2] },
      traffic: [{ values: { scale: 1 } }, { values: { scale: 2 }, trace: { arrivals: 1_800 } }],
    });
    const table = await ebb('simulate', FILE, ...flags, '--sweep', 'scale=1,2');
    expect(table.stdout).toMatch(/^at scale 2: 1,800 requests over /m);
    expect(table.stdout).toMatch(/^platform +scale +cost, USD/m);
  });

  it('names the flag at fault', async () => {
    const bad = await ebb('simulate', FILE, ...flags, '--sweep', 'scale=-1');
    expect([bad.exitCode, bad.stderr]).toEqual([
      2,
      expect.stringMatching(/sweep scale: expected a number above 0.*\(config-invalid\)/),
    ]);
  });
});
