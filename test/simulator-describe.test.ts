/** The description of a trace: the same figures from memory, from a file, from a stream, and by plain arithmetic. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeSample } from '../simulator/kernel/quantiles.ts';
import { ShownSample } from '../simulator/kernel/shown-sample.ts';
import { traceInfoText } from '../simulator/report/trace-info.ts';
import { TraceBuilder } from '../simulator/traces/builder.ts';
import { describeTrace, describing } from '../simulator/traces/describe.ts';
import { IntervalCounts } from '../simulator/traces/describe-counters.ts';
import { openWorkload, type WorkloadOptions } from '../simulator/traces/load.ts';
import { whole } from '../simulator/traces/stored.ts';
import { TempFiles } from '../simulator/traces/temp-files.ts';
import { isStream, type Replayable, type Trace } from '../simulator/traces/trace.ts';
import { atOnce, inTurns } from '../simulator/traces/turns.ts';
import { fixture, read, sample } from './trace-kit.ts';

/** How a sample is described that is shown as often as it asks to be. */
function shownAgain(values: readonly number[]) {
  const own = new ShownSample();
  let showings = 0;
  do {
    for (const value of values) own.add(value);
    own.endShowing();
    showings++;
  } while (!own.isDone);
  return { described: own.describe(), showings };
}

describe('a sample that is shown and not kept', () => {
  it('has the very figures of one that is kept', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.nat(9),
            fc.nat(2 ** 20),
            fc.maxSafeNat().map((value) => Math.floor(value / 2)),
          ),
          { maxLength: 300 },
        ),
        (values) => {
          expect(shownAgain(values).described).toEqual(describeSample(Float64Array.from(values)));
        },
      ),
      { numRuns: 30 },
    ));

  it('is shown twice for small values, four times for the largest, and once for none', () => {
    expect(shownAgain([0, 7, 2 ** 18 - 1]).showings).toBe(2);
    expect(shownAgain([5, 2 ** 36 - 1]).showings).toBe(3);
    expect(shownAgain([5, 2 ** 52]).showings).toBe(4);
    expect(shownAgain([]).showings).toBe(1);
  });
});

/** [arrival, run] of requests in order, as whole microseconds. */
function traceOf(rows: readonly (readonly [atUs: number, runUs: number])[]): Trace {
  const builder = new TraceBuilder('own', 'own', []);
  for (const [atUs, runUs] of rows) {
    builder.row.functionIndex = builder.functionIndex(runUs % 2 === 0 ? 'even' : 'odd');
    builder.row.arrivedAtUs = atUs;
    builder.row.runUs = runUs;
    builder.add();
  }
  return whole(atOnce(builder.finish()));
}

describe('the description of a trace', () => {
  it('is plain arithmetic on its requests', () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(9e6), fc.oneof(fc.constant(0), fc.nat(3e6))), {
          minLength: 1,
          maxLength: 60,
        }),
        (unsorted) => {
          const rows = unsorted.toSorted(([a], [b]) => a - b);
          const [[firstUs] = [0]] = rows;
          const info = describeTrace(traceOf(unsorted));
          const atOnceMost = Math.max(
            ...rows.map(([us]) => rows.filter(([from, run]) => from <= us && us < from + run).length),
            1,
          );
          const seconds = rows.map(([us]) => Math.floor((us - firstUs) / 1e6));
          const gaps = rows.slice(1).map(([us], at) => us - (rows[at]?.[0] ?? 0));
          expect(info.concurrencyMax).toBe(atOnceMost);
          expect(info.perSecond.max).toBe(
            Math.max(...seconds.map((one) => seconds.filter((other) => other === one).length)),
          );
          expect(info.gapsMs.max).toBeCloseTo(Math.max(0, ...gaps) / 1e3, 6);
          expect(info.durationMs.p50).toBeCloseTo(
            describeSample(Float64Array.from(rows, ([, run]) => run)).p50 / 1e3,
            6,
          );
          expect(info.shape.counts.reduce((sum, one) => sum + one)).toBe(rows.length);
          expect(info.topFunctions.reduce((sum, { requests }) => sum + requests, 0)).toBe(rows.length);
        },
      ),
      { numRuns: 60 },
    ));

  it('counts per interval, empty ones included', () => {
    const countsOf = (...times: readonly number[]) => {
      const counts = new IntervalCounts(1e6);
      for (const time of times) counts.add(time);
      return counts.describe();
    };
    expect(countsOf(0, 0, 0, 3e6)).toEqual({ mean: 1, max: 3, dispersion: 1.5 });
    expect(countsOf(0)).toEqual({ mean: 1, max: 1, dispersion: null });
  });

  const LLM: WorkloadOptions = { csvTime: 'TIMESTAMP', csvDuration: '0.05+0.02*GeneratedTokens' };
  it.each<readonly [name: string, file: string | null, options: WorkloadOptions]>([
    ['a CSV', sample('azure_llm2023_code.csv'), LLM],
    ['a CSV in no order', fixture('azure2021_invocations_sample200.csv'), {}],
    ['logs with memory and start-ups', fixture('cloudwatch_aws_rps10_head.json'), {}],
    ['a transformed export', fixture('lambda_records.jsonl'), { transform: 'repeat=40,scale=2' }],
    ['counts that are spread', fixture('invocations_per_function_md.anon.d01.csv'), {}],
    [
      'a made-up workload',
      null,
      { synthetic: 'mmpp:rate=2/s,burst=90/s,on=5s,off=20s,duration=5m', serviceTime: 'lognormal:80ms,cv=2' },
    ],
  ])('is the same from memory, from a file and from a stream: %s', async (_, file, options) => {
    const files = new TempFiles();
    const inMemory = await openWorkload(file, options, {}, Number.POSITIVE_INFINITY);
    const streamed = await openWorkload(file, options, {}, 5, files);
    expect([isStream(inMemory), isStream(streamed)]).toEqual([false, true]);
    expect(describeTrace(streamed, 33)).toEqual(describeTrace(inMemory, 33));
    files.end();
  });

  it('says how far it is, and ends at once when it is interrupted', async () => {
    const trace = await openWorkload(null, {
      synthetic: 'poisson:rate=1000/s,duration=60s',
      serviceTime: 'constant:1ms',
    });
    const controller = new AbortController();
    const shares: number[] = [];
    const onProgress = (doing: string, share: number): void => {
      shares.push(share);
      if (doing === 'describing' && shares.length === 3) controller.abort();
    };
    const described = inTurns(describing(trace), { signal: controller.signal, onProgress });
    await expect(described).rejects.toMatchObject({ code: 'interrupted' });
    expect(shares).toHaveLength(3);
    expect(shares[2]).toBeGreaterThan(shares[0] as number);
  });

  it('names no function that has no request, and refuses a stream of nothing', async () => {
    const options = { serviceTime: 'constant:1ms', traceMemoryMb: 128 };
    const open = (synthetic: string): Promise<Replayable> =>
      openWorkload(null, { ...options, synthetic }, {}, 0);
    const rare = describeTrace(await open('poisson:rate=9/s,duration=1s,functions=40,skew=3'));
    expect(rare.functions).toBe(40);
    expect(rare.topFunctions.every(({ requests, meanMs }) => requests > 0 && meanMs === 1)).toBe(true);
    expect(traceInfoText(rare)).not.toContain('NaN');
    const nothing = await open('poisson:rate=0.001/s,duration=1s');
    expect(() => describeTrace(nothing)).toThrow(expect.objectContaining({ code: 'trace-empty' }));
  });

  it('of the smallest trace has zeros and no variation', () => {
    expect(describeTrace(read('t,d\n7,1', { csvTime: 't', csvDuration: 'd' }))).toMatchObject({
      requests: 1,
      gapsCv: null,
      gapsMs: { mean: 0, p999: 0, max: 0 },
      concurrencyMax: 1,
      shape: { columnS: 0, counts: [1] },
    });
  });
});
