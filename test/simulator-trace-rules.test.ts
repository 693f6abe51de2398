/** What all traces share: packed files, bad rows, order, files that belong together, and rules for what is missing. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { RandomStream } from '../simulator/kernel/random.ts';
import { scaledBytes } from '../simulator/traces/byte-rows.ts';
import { readTraceFile } from '../simulator/traces/file.ts';
import type { TraceOptions } from '../simulator/traces/format.ts';
import { scaledInteger } from '../simulator/traces/number.ts';
import { inOrder, timeOrder } from '../simulator/traces/order.ts';
import { PercentileCurve } from '../simulator/traces/percentile-curve.ts';
import { readTraceText, TraceIntake } from '../simulator/traces/read.ts';
import { parseServiceTime } from '../simulator/traces/service-time.ts';
import { atOnce } from '../simulator/traces/turns.ts';

const folder = mkdtempSync(join(tmpdir(), 'ebb-traces-'));
afterAll(() => rmSync(folder, { recursive: true }));
const fixture = (name: string): string => new URL(`./traces/${name}`, import.meta.url).pathname;
const AZURE = fixture('azure2021_invocations_sample200.csv');

/** Writes a file into the tests' folder and gives its path. */
function put(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const CSV = { csvTime: 't', csvDuration: 'd' } as const;
const read = (text: string, options: TraceOptions = CSV) => readTraceText(text, 'x.csv', options);
function refusal(act: () => unknown): { code: string; message: string } {
  try {
    act();
  } catch (thrown) {
    return thrown as { code: string; message: string };
  }
  throw new Error('nothing was refused');
}

describe('a packed file', () => {
  const plain = readFileSync(AZURE);

  it('is read as what is in it, whatever its name', async () => {
    const expected = await readTraceFile(AZURE);
    const packed = [put('a.csv', gzipSync(plain)), put('b.gz', zstdCompressSync(plain)), put('c.gz', plain)];
    const twice = Buffer.concat([gzipSync(plain.subarray(0, 5_000)), gzipSync(plain.subarray(5_000))]);
    for (const path of [...packed, put('d.gz', twice)]) {
      const { name: _, ...trace } = await readTraceFile(path);
      const { name: __, ...same } = expected;
      expect(trace).toEqual(same);
    }
  });

  it('that is broken or of another kind is refused', async () => {
    const cut = put('cut.gz', gzipSync(plain).subarray(0, 2_000));
    await expect(readTraceFile(cut)).rejects.toMatchObject({
      code: 'trace-invalid',
      message: expect.stringContaining('expected whole gzip data'),
    });
    const magics = {
      zip: 'PK\u0003\u0004',
      xz: Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a),
    };
    for (const [name, magic] of Object.entries(magics)) {
      await expect(readTraceFile(put(name, magic))).rejects.toMatchObject({
        code: 'trace-format-unknown',
        message: expect.stringContaining(`got ${name}; unpack it first`),
      });
    }
    await expect(readTraceFile(put('empty.gz', gzipSync('')))).rejects.toMatchObject({ code: 'trace-empty' });
    await expect(readTraceFile(put('empty', ''))).rejects.toMatchObject({ code: 'trace-empty' });
  });
});

describe('bad rows', () => {
  const text = 't,d\n0,1\nx,1\n1,1\n2,y\n3,1,9\n4,1\n';

  it('are an error at the first, unless some are allowed', () => {
    expect(refusal(() => read(text)).message).toMatch(/^x\.csv line 3, column t: .* got "x"$/);
    const trace = read(text, { ...CSV, maxBadRows: 3 });
    expect([...trace.arrivedAtUs]).toEqual([0, 1_000_000, 4_000_000]);
    expect(trace.skippedBad).toBe(3);
    expect(trace.badRows.map((message) => message.slice(0, 14))).toEqual([
      'x.csv line 3, ',
      'x.csv line 5, ',
      'x.csv line 6: ',
    ]);
    expect(refusal(() => read(text, { ...CSV, maxBadRows: 2 }))).toMatchObject({
      code: 'trace-invalid',
      message: expect.stringMatching(/line 6: .*; it is bad row 3, and maxBadRows allows 2$/),
    });
  });

  it('leave no function behind, and a broken header is never one of them', () => {
    const named = 't,d,f\n0,1,a\nx,1,b\n';
    expect(read(named, { ...CSV, csvFunction: 'f', maxBadRows: 9 }).functionNames).toEqual(['a']);
    expect(refusal(() => read('a,b\n1,2', { format: 'azure2021', maxBadRows: 9 })).message).toMatch(
      /expected a header/,
    );
  });

  it('are counted in every way of reading: bytes, lines, JSON, an open quote at the end', () => {
    const azure = 'app,func,end_timestamp,duration\na,f,1,1\na,f,x,1\n"a",f,2,1\n"open,f,3,1\n';
    const trace = read(azure, { maxBadRows: 2 });
    expect([trace.count, trace.skippedBad]).toEqual([2, 2]);
    const events =
      '[{"eventId":"1","message":"x"},{"eventId":"2","message":"START RequestId: a"},{"timestamp":5,"eventId":"3","message":"REPORT RequestId: a\\tDuration: 1 ms\\tMemory Size: 128 MB\\tMax Memory Used: 1 MB"}]';
    expect(read(events, { maxBadRows: 1 })).toMatchObject({ count: 1, skippedBad: 1 });
  });
});

describe('order', () => {
  it('is by time and then as given, for whatever times', () => {
    const times = fc.array(fc.oneof(fc.nat({ max: 20 }), fc.maxSafeNat(), fc.integer()), { maxLength: 200 });
    fc.assert(
      fc.property(times, (list) => {
        const values = Float64Array.from(list);
        const expected = list
          .map((_, at) => at)
          .sort((a, b) => (list[a] as number) - (list[b] as number) || a - b);
        const order = atOnce(timeOrder(values));
        expect([...(order ?? list.keys())]).toEqual(expected);
        if (order !== null)
          expect([...atOnce(inOrder(values, order))]).toEqual(expected.map((at) => list[at]));
      }),
    );
  });

  it('survives chunks of any size in bytes, lines and JSON', () => {
    const texts = [
      'app,func,end_timestamp,duration\r\nä,f,9,1\r\n"b",f,2.5,0.25\r\nä,f,3,1',
      '{"timestamp":0,"input_length":1,"output_length":2}\n{"timestamp":5,"input_length":1,"output_length":2}',
      '[{"logName":"ü\\"}","timestamp":"2026-01-01T00:00:00Z","httpRequest":{"latency":"1s"}}]',
    ];
    for (const text of texts) {
      const bytes = new TextEncoder().encode(text);
      const options = text.startsWith('{') ? { csvDuration: 'output_length' } : {};
      const whole = read(text, options);
      fc.assert(
        fc.property(fc.array(fc.nat({ max: bytes.length })), (cuts) => {
          const intake = new TraceIntake('x.csv', options);
          const ends = [...cuts.sort((a, b) => a - b), bytes.length];
          for (const [at, end] of ends.entries()) intake.push(bytes.subarray(ends[at - 1] ?? 0, end));
          expect(atOnce(intake.finish())).toEqual(whole);
        }),
        { numRuns: 50 },
      );
    }
  });

  it('reads plain numbers from bytes as it does from text', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9.]{0,18}[0-9e-]?$/), fc.constantFrom(0, 3, 6), (text, shift) => {
        const bytes = new TextEncoder().encode(`,${text},`);
        const value = scaledBytes(bytes, 1, bytes.length - 1, shift);
        if (!Number.isNaN(value)) expect(value).toBe(scaledInteger(text, shift));
      }),
    );
    const bytes = new TextEncoder().encode('1209600.123456789');
    expect(scaledBytes(bytes, 0, bytes.length, 6)).toBe(1_209_600_123_456);
  });
});

describe('files that belong together', () => {
  it('Huawei 2023 finds the delays of the same minutes beside its counts', async () => {
    const counts = put('h/requests_minute/day_00.csv', 'day,time,0,1\n0,0,2,1\n0,60,1,1\n');
    put('h/function_delay_minute/day_00.csv', 'day,time,0,1\n0,0,12.5,3\n0,60,7,\n');
    await expect(readTraceFile(counts)).rejects.toThrow(
      /no durations for 1 of 5 requests; serviceTime fills/,
    );
    const trace = await readTraceFile(counts, { serviceTime: 'constant:1s' });
    const runs = Array.from(
      trace.runUs,
      (run, at) => `${trace.functionNames[trace.functionIndex[at] ?? 0]}:${run}`,
    );
    expect(runs.sort()).toEqual(['0:12500', '0:12500', '0:7000', '1:1000000', '1:3000']);
    expect(trace.filled.at(-1)).toBe('runUs by constant(1s), seed 1 (1 of 5 requests)');
    const broken = put('broken.csv', 'day,time,0\n0,0,x\n');
    await expect(readTraceFile(counts, { durations: broken })).rejects.toThrow(
      /broken\.csv line 2, column 0/,
    );
  });

  it('Azure 2019 without one function of its durations fills only that one', async () => {
    const durations = put(
      'd.csv',
      'HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,percentile_Average_1,percentile_Average_25,percentile_Average_50,percentile_Average_75,percentile_Average_99,percentile_Average_100\no,a,f,5,1,5,5,5,5,5,5,5,5,5\n',
    );
    const counts = put('i.csv', 'HashOwner,HashApp,HashFunction,Trigger,1\no,a,f,http,1\no,a,g,http,1\n');
    const trace = await readTraceFile(counts, { durations, serviceTime: 'constant:1s' });
    expect([...trace.runUs].sort((a, b) => a - b)).toEqual([5_000, 1_000_000]);
    const falling = put(
      'f.csv',
      readFileSync(durations, 'utf8').replace('5,5,5,5,5,5,5\n', '5,5,5,4,5,5,5\n'),
    );
    await expect(readTraceFile(counts, { durations: falling })).rejects.toThrow(
      /f\.csv line 2, column percentile_Average_50: expected a number of at least 5, got 4/,
    );
  });
});

describe('a percentile curve', () => {
  it('is linear between its percentiles and flat outside of them', () => {
    const curve = new PercentileCurve([1, 50, 100], [10, 20, 40], 1, { file: 'x', line: 1 }, 'p');
    expect([0, 0.01, 0.255, 0.5, 0.75, 0.999999].map((share) => curve.at(share))).toEqual([
      10, 10, 15, 20, 30, 40,
    ]);
  });
});

describe('service times', () => {
  const drawn = (text: string, count = 40_000) => {
    const stream = new RandomStream(7, 'test');
    const { draw } = parseServiceTime(text);
    return Float64Array.from({ length: count }, () => draw(stream));
  };
  const moments = (values: Float64Array) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return { mean, cv: Math.sqrt(variance) / mean };
  };

  it('have the mean and the spread that were asked for', () => {
    const cases: readonly [text: string, mean: number, cv: number][] = [
      ['constant:120ms', 120_000, 0],
      ['exponential:120ms', 120_000, 1],
      ['gamma:0.12s,cv=0.5', 120_000, 0.5],
      ['gamma:120ms,cv=2', 120_000, 2],
      ['lognormal:120ms,cv=0.8', 120_000, 0.8],
      ['uniform:60ms..180ms', 120_000, 1 / Math.sqrt(12)],
    ];
    for (const [text, mean, cv] of cases) {
      const got = moments(drawn(text));
      expect(Math.abs(got.mean / mean - 1), text).toBeLessThan(0.03);
      expect(Math.abs(got.cv - cv), text).toBeLessThan(0.06);
    }
  });

  it('come from a file of measured times, each with its unit', async () => {
    const sample = put('times.txt', '10ms\n\n0.02s\n');
    const path = put('t.csv', `t\n${Array.from({ length: 400 }, (_, at) => at).join('\n')}\n`);
    const trace = await readTraceFile(path, { csvTime: 't', serviceTime: `empirical:${sample}` });
    expect(new Set(trace.runUs)).toEqual(new Set([10_000, 20_000]));
    expect(trace.filled).toEqual([`runUs by empirical(${sample}: 2 times), seed 1 (all requests)`]);
    const bad = put('bad.txt', '10ms\n12\n');
    await expect(readTraceFile(path, { csvTime: 't', serviceTime: `empirical:${bad}` })).rejects.toThrow(
      /bad\.txt line 2: expected a time with its unit such as 120ms, got "12"/,
    );
    const none = put('none.txt', '\n');
    await expect(
      readTraceFile(path, { csvTime: 't', serviceTime: `empirical:${none}` }),
    ).rejects.toMatchObject({
      code: 'usage',
    });
  });

  it('are refused when they are written wrongly', () => {
    const cases: readonly [text: string, message: RegExp][] = [
      ['normal:1s', /^serviceTime "normal:1s": expected one of constant:120ms, .*, got "normal"$/],
      ['constant', /expected a mean with a unit such as constant:120ms, got ""/],
      ['constant:120', /expected a mean with a unit .* got "120"/],
      ['exponential:1s,cv=2', /expected no pairs, got "cv"/],
      ['gamma:1s,cv=0', /expected cv to be a number from 0\.001 to 1000, got "0"/],
      ['gamma:1s,cf=2', /expected the keys cv, got "cf" \(did you mean cv\?\)/],
      ['lognormal:1s,cv', /expected pairs such as key=value between commas, got "cv"/],
      ['lognormal:1s,cv=1,cv=2', /expected cv once, got it twice/],
      ['uniform:2s..1s', /expected two times in rising order/],
    ];
    for (const [text, message] of cases) {
      const got = refusal(() => parseServiceTime(text));
      expect(got, text).toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
    }
  });

  it('and memory are refused where there is nothing to fill', () => {
    expect(refusal(() => read('t,d\n0,1', { ...CSV, serviceTime: 'constant:1s' })).message).toMatch(
      /^serviceTime: x\.csv \(format csv\) says the duration of every request, so there is nothing to fill/,
    );
    const memory = { ...CSV, csvMemory: 'm', traceMemoryMb: 128 };
    expect(refusal(() => read('t,d,m\n0,1,128', memory)).message).toMatch(
      /^traceMemoryMb: .* nothing to fill/,
    );
    const filled = read('t,d\n0,1', { ...CSV, traceMemoryMb: 128 });
    expect(filled.columns.memoryBytesLimit).toEqual(Float64Array.of(128 * 2 ** 20));
    expect(filled.filled).toEqual(['memoryBytesLimit by 128 MB (all requests)']);
  });
});

describe('options of traces', () => {
  it('are checked all at once, before and after the format is known', () => {
    const faults = refusal(() =>
      read('t,d\n0,1', { ...CSV, maxBadRows: -1, seed: 0.5, spread: 'odd' } as never),
    ).message;
    expect(faults).toMatch(
      /maxBadRows: expected an integer from 0 .*; seed: expected .*; spread: expected one of uniform, even, got "odd"/,
    );
    expect(refusal(() => read('t,d\n0,1', { ...CSV, spread: 'even' }))).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(
        /spread is for the format azure2019, huawei2023 or counts alone, but the format is "csv"/,
      ),
    });
    expect(refusal(() => read('t,d\n0,1', { ...CSV, transform: 3 } as never)).message).toMatch(
      /transform: expected text/,
    );
  });
});
