/** Formats of published datasets and series: real samples where there are, and each one's own edges. */
import { describe, expect, it } from 'vitest';
import { readTraceFile } from '../simulator/traces/file.ts';
import { TRACE_FORMATS } from '../simulator/traces/format.ts';
import { FORMATS } from '../simulator/traces/formats.ts';
import type { Trace } from '../simulator/traces/trace.ts';
import { fixture, isSorted, MB, read, refusal, rowsOf } from './trace-kit.ts';

const spanS = ({ arrivedAtUs, count }: Trace): number =>
  ((arrivedAtUs[count - 1] as number) - (arrivedAtUs[0] as number)) / 1e6;

describe('the list of formats', () => {
  it('has each name once, and each format knows its own', () => {
    expect(Object.keys(FORMATS).sort()).toEqual([...TRACE_FORMATS].sort());
    for (const [name, format] of Object.entries(FORMATS)) expect(format.name).toBe(name);
  });
});

describe('Azure Functions 2019', () => {
  const file = fixture('invocations_per_function_md.anon.d01.csv');

  it('finds its files of durations and memory by their names, and loses no invocation', async () => {
    const trace = await readTraceFile(file);
    expect(trace).toMatchObject({ format: 'azure2019', count: 4_525, skippedBad: 0 });
    expect(trace.functionNames).toHaveLength(4);
    expect(isSorted(trace)).toBe(true);
    expect(trace.filled).toEqual([
      'arrivedAtUs within their minute: uniform, seed 1',
      "runUs drawn from each function's percentiles, linear between them, seed 1",
      "memoryBytesPeak drawn from each app's percentiles, linear between them, seed 1",
      "memoryBytesLimit by each app's largest percentile",
    ]);
  });

  it('draws durations and memory inside what the percentiles allow', async () => {
    const trace = await readTraceFile(file);
    const first = trace.functionNames.findIndex((name) => name.endsWith('/c13acdc7'));
    const at = Array.from(trace.functionIndex.keys()).filter((place) => trace.functionIndex[place] === first);
    const runs = at.map((place) => trace.runUs[place] as number);
    expect(Math.min(...runs)).toBeGreaterThanOrEqual(99_000);
    expect(Math.max(...runs)).toBeLessThanOrEqual(101_000);
    const { memoryBytesPeak, memoryBytesLimit } = trace.columns;
    for (const place of at) {
      expect(memoryBytesLimit?.[place]).toBe(152 * MB);
      expect(memoryBytesPeak?.[place]).toBeGreaterThanOrEqual(100 * MB);
      expect(memoryBytesPeak?.[place]).toBeLessThanOrEqual(152 * MB);
    }
  });

  it('takes the files that options name, and another seed moves the requests but not their minutes', async () => {
    const options = {
      durations: fixture('function_durations_percentiles.anon.d01.csv'),
      memory: fixture('app_memory_percentiles.anon.d01.csv'),
    };
    const [first, same, other] = await Promise.all([
      readTraceFile(file, { ...options, seed: 1 }),
      readTraceFile(file, { ...options, seed: 1 }),
      readTraceFile(file, { ...options, seed: 2 }),
    ]);
    expect(same.arrivedAtUs).toEqual(first?.arrivedAtUs);
    expect(same.runUs).toEqual(first?.runUs);
    expect(other.arrivedAtUs).not.toEqual(first?.arrivedAtUs);
    const minutes = (trace: Trace) => Array.from(trace.arrivedAtUs, (us) => Math.floor(us / 60e6));
    expect(minutes(other)).toEqual(minutes(first));
    await expect(readTraceFile(file, { durations: 'none.csv' })).rejects.toMatchObject({
      code: 'file-unreadable',
    });
  });

  const header = 'HashOwner,HashApp,HashFunction,Trigger,1,2';

  it('without durations needs a rule for them, and spreads evenly when asked', () => {
    expect(refusal(`${header}\no,a,f,http,2,1`)).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/says no durations for all requests; serviceTime fills them/),
    });
    const trace = read(`${header}\no,a,f,http,2,1`, { serviceTime: 'constant:120ms', spread: 'even' });
    expect(rowsOf(trace)).toEqual([
      ['a/f', 15_000_000, 120_000],
      ['a/f', 45_000_000, 120_000],
      ['a/f', 90_000_000, 120_000],
    ]);
    expect(trace.filled).toEqual([
      'arrivedAtUs within their minute: evenly spaced',
      'runUs by constant(120ms), seed 1 (all requests)',
    ]);
  });

  it('names what is wrong', () => {
    expect(refusal(`${header}\no,a,f,http,2.5,1`).message).toMatch(
      /line 2, column 1: expected a whole number of invocations, got "2\.5"/,
    );
    expect(refusal('HashOwner,HashApp,HashFunction,Trigger,a\n', { format: 'azure2019' }).message).toMatch(
      /expected columns of minutes 1, 2, …, got none/,
    );
  });
});

describe('Huawei', () => {
  it('2023: counts by minute and column, absent ones none, at whole seconds since the start', () => {
    const text = 'day,time,0,1\n0,0,1,\n0,60,0,2.0\n';
    const trace = read(text, { serviceTime: 'constant:1ms', spread: 'even' });
    expect(trace.format).toBe('huawei2023');
    expect(rowsOf(trace)).toEqual([
      ['0', 30_000_000, 1_000],
      ['1', 75_000_000, 1_000],
      ['1', 105_000_000, 1_000],
    ]);
    expect(refusal('day,time,0\n0,0,x\n').message).toMatch(
      /line 2, column 0: expected a whole number of requests/,
    );
  });

  it('2025: a cold start has its start-up and its pool, but no duration', () => {
    const header =
      'day,time,clusterName,funcName,userID,requestID,totalCost_cold_start,podAllocationCost,deployCodeCost,deployDependencyCost,schedulingCost,podID';
    const row = '0,51937.425,1,10,134,82f1,2.239314,0.027,0.045,0.454,1.713,pool24-600-512-0000577863';
    const trace = read(`${header}\n${row}\n`, { serviceTime: 'constant:10ms' });
    expect(trace.format).toBe('huawei2025-cold-starts');
    expect(rowsOf(trace)).toEqual([['134/10', 51_937_425_000, 10_000]]);
    expect(trace.columns.startupUs).toEqual(Float64Array.of(2_239_314));
    expect(trace.columns.memoryBytesLimit).toEqual(Float64Array.of(512 * MB));
    expect(refusal(`${header}\n${row.replace('pool24-600-512', 'p')}`).message).toMatch(/column podID/);
  });

  it('2025: a request begins before the time at which it was logged', () => {
    const header =
      'time_worker,time_frontend,requestID,clusterName,funcName,podID,userID,totalCost_worker,runtimeCost,totalCost_frontend,cpu_usage,memory_usage';
    const row =
      '2600186.994,2600186.995,763f,1,296,pool22-300-128-0000618412,224,0.023749,0.023637,0.026421,0.29,32.308594';
    const trace = read(`${header}\n${row}\n`);
    expect(trace.format).toBe('huawei2025-requests');
    expect(rowsOf(trace)).toEqual([['224/296', 2_600_186_968_579, 23_637]]);
    expect(trace.columns.memoryBytesLimit).toEqual(Float64Array.of(128 * MB));
  });
});

describe('other series', () => {
  it('Mooncake: an expression of its lengths, or a rule', async () => {
    const file = fixture('mooncake_conversation_head.jsonl');
    const trace = await readTraceFile(file, { csvDuration: '0.05+0.01*output_length' });
    expect(trace).toMatchObject({ format: 'mooncake', count: 100 });
    expect(spanS(trace)).toBe(33);
    const sum = trace.runUs.reduce((total, us) => total + us, 0);
    expect(sum).toBe(100 * 50_000 + 36_758 * 10_000);
    await expect(readTraceFile(file)).rejects.toThrow(/serviceTime fills them/);
    expect((await readTraceFile(file, { serviceTime: 'constant:1s' })).runUs[0]).toBe(1_000_000);
    expect(
      refusal('{"timestamp":0,"input_length":1,"output_length":1}', { csvDuration: 'length' }).message,
    ).toMatch(/no column "length"/);
  });

  it('counts: every one of 249,327 requests inside its five minutes', async () => {
    const trace = await readTraceFile(fixture('nab_elb_request_count_8c0756.csv'), {
      serviceTime: 'constant:1ms',
    });
    expect(trace).toMatchObject({ format: 'counts', count: 249_327 });
    expect(isSorted(trace)).toBe(true);
    const first = Date.UTC(2014, 3, 10, 0, 4) * 1_000;
    const inFirst = trace.arrivedAtUs.filter((us) => us < first + 300e6);
    expect(inFirst).toHaveLength(94);
  });

  it('counts: an interval ends at the next, but a hole in the series has none', () => {
    const options = { serviceTime: 'constant:1ms', spread: 'even' } as const;
    const trace = read('timestamp,value\n0,1\n10,1\n30,1.0\n', options);
    expect([...trace.arrivedAtUs]).toEqual([5_000_000, 15_000_000, 35_000_000]);
    expect(refusal('timestamp,value\n0,1\n', options).message).toMatch(/expected two rows or more/);
    expect(refusal('timestamp,value\n0,1\n0,1\n', options).message).toMatch(
      /expected a time after the one before/,
    );
    expect(refusal('timestamp,value\n0,1.5\n', options).message).toMatch(
      /column value: expected a whole number/,
    );
  });

  it('any CSV without durations is filled', () => {
    const trace = read('t,n\n0,1\n1,2\n', { csvTime: 't', serviceTime: 'constant:5ms' });
    expect([...trace.runUs]).toEqual([5_000, 5_000]);
    expect(trace.filled).toEqual(['runUs by constant(5ms), seed 1 (all requests)']);
  });
});
