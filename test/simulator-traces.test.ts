/** Each trace format: what it reads, the edges it must bear, and how it names what is wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTraceFile } from '../simulator/traces/file.ts';
import type { TraceOptions } from '../simulator/traces/format.ts';
import { scaledInteger } from '../simulator/traces/number.ts';
import { readTraceText, TraceIntake } from '../simulator/traces/read.ts';
import type { Trace } from '../simulator/traces/trace.ts';
import { atOnce } from '../simulator/traces/turns.ts';

const CSV = { csvTime: 't', csvDuration: 'd' } as const;

/** [function, arrival, duration] of each arrival. */
const rowsOf = (trace: Trace) =>
  Array.from(trace.arrivedAtUs, (time, at) => [
    trace.functionNames[trace.functionIndex[at] as number],
    time,
    trace.runUs[at],
  ]);
const read = (text: string, options: TraceOptions = CSV) => readTraceText(text, 'x.csv', options);
const timesOf = (text: string, options?: TraceOptions) => [...read(text, options).arrivedAtUs];
const runsOf = (text: string, options?: TraceOptions) => [...read(text, options).runUs];

function refusal(text: string, options?: TraceOptions): { code: string; message: string } {
  try {
    read(text, options);
  } catch (thrown) {
    return thrown as { code: string; message: string };
  }
  throw new Error('it was read');
}

describe('any CSV', () => {
  it('gives the same arrivals whatever its line ends, blank lines and byte order mark', () => {
    const expected = [
      ['function', 0, 1_500_000],
      ['function', 2_000_000, 0],
    ];
    for (const text of [
      't,d\n0,1.5\n2,0\n',
      't,d\r\n0,1.5\r\n2,0',
      '\uFEFFt,d\n0,1.5\n\n2,0\n\n',
      ' t , d \n 0 , 1.5 \n2,0\n   \n',
      '\n\nt,d\n0,1.5\n2,0',
      '"t","d"\n"0","1.5"\n2,"0"',
    ]) {
      expect(rowsOf(read(text))).toEqual(expected);
    }
  });

  it('gives the same arrivals in whatever chunks it comes', () => {
    const text = 't,d,f\r\n0,1.5,"a\nb"\r\n2,0,"x ""y"", z"\r\n';
    const options = { ...CSV, csvFunction: 'f' };
    const whole = rowsOf(read(text, options));
    expect(whole.map(([name]) => name)).toEqual(['a\nb', 'x "y", z']);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length })), (cuts) => {
        const intake = new TraceIntake('x.csv', options);
        const ends = [...cuts.sort((a, b) => a - b), text.length];
        let from = 0;
        for (const end of ends) {
          intake.push(new TextEncoder().encode(text.slice(from, end)));
          from = end;
        }
        expect(rowsOf(atOnce(intake.finish()) as Trace)).toEqual(whole);
      }),
    );
  });

  it('sorts by time and keeps the order of the file at equal times', () => {
    const trace = read('t,d,f\n5,1,a\n3,2,b\n5,3,c\n3,4,d\n', { ...CSV, csvFunction: 'f' });
    expect(rowsOf(trace).map(([name]) => name)).toEqual(['b', 'd', 'a', 'c']);
    expect([...trace.runUs]).toEqual([2_000_000, 4_000_000, 1_000_000, 3_000_000]);
  });

  it('finds the unit of the times from the first row, or is told', () => {
    expect(timesOf('t,d\n1.5,0')).toEqual([1_500_000]);
    expect(timesOf('t,d\n1700158623.9799609,0')).toEqual([1_700_158_623_979_960]);
    expect(timesOf('t,d\n1700158623979,0')).toEqual([1_700_158_623_979_000]);
    expect(timesOf('t,d\n1700158623979960,0')).toEqual([1_700_158_623_979_960]);
    expect(timesOf('t,d\n1700158623979,0', { ...CSV, csvTimeUnit: 'us' })).toEqual([1_700_158_623_979]);
    expect(timesOf('t,d\n7,0', { ...CSV, csvTimeUnit: 'ms' })).toEqual([7_000]);
  });

  it('reads dates and times, with and without a zone, and cuts beyond the microsecond', () => {
    const us = 1_700_158_623_979_960;
    for (const text of [
      '2023-11-16 18:17:03.9799600',
      '2023-11-16T18:17:03.979960999Z',
      '2023-11-16T19:17:03.97996+01:00',
      '2023-11-16 13:17:03.97996 -0500',
    ]) {
      expect(timesOf(`t,d\n${text},0`)).toEqual([us]);
    }
    expect(timesOf('t,d\n2024-02-29 00:00:00,0')).toEqual([1_709_164_800_000_000]);
    for (const text of ['2023-02-29 00:00:00', '2023-11-16 24:61:00', '2023-13-01 00:00:00', '2023-11-16']) {
      expect(refusal(`t,d\n${text},0`).message).toMatch(
        /line 2, column t: expected a date and time .*, got "2023/,
      );
    }
  });

  it('evaluates linear expressions exactly', () => {
    const cases: readonly [expression: string, a: string, b: string, us: number][] = [
      ['0.05+0.02*a', '10', '0', 250_000],
      ['a*0.02 + 0.05', '10', '0', 250_000],
      ['a - b', '3', '1', 2_000_000],
      ['-a + 2*b*3', '1', '2', 11_000_000],
      ['0.1*a + 0.2*b', '3', '3', 900_000],
      ['1e-3*a', '0.0015', '0', 1],
      ['a + b', '0.0000005', '0.0000005', 1],
      ['0.0000019', '0', '0', 1],
      ['0.1*a', '123456789.123456789', '0', 12_345_678_912_345],
    ];
    for (const [csvDuration, a, b, us] of cases) {
      expect(runsOf(`t,a,b\n0,${a},${b}`, { csvTime: 't', csvDuration }), csvDuration).toEqual([us]);
    }
    expect(
      runsOf('t,run-ms,run\n0,7,9', { csvTime: 't', csvDuration: 'run-ms', csvDurationUnit: 'ms' }),
    ).toEqual([7_000]);
    expect(runsOf('t,d\n0,7.9', { ...CSV, csvDurationUnit: 'us' })).toEqual([7]);
  });

  it('takes the configured memory from a column', () => {
    const trace = read('t,d,m\n0,1,128\n1,1,0.5\n', { ...CSV, csvMemory: 'm' });
    expect([...(trace.columns.memoryBytesLimit ?? [])]).toEqual([134_217_728, 524_288]);
  });

  it('names the line, the column, what was expected and what came', () => {
    const cases: readonly [text: string, message: RegExp][] = [
      ['t,d\n0,1\nx,1', /^x\.csv line 3, column t: expected a time of 0 or more seconds.*, got "x"$/],
      ['t,d\n-1,1', /line 2, column t: expected a time of 0 or more seconds.*, got "-1"$/],
      ['t,d\n0,', /line 2, column d: expected a number, got ""$/],
      ['t,d\n0,one', /line 2, column d: expected a number, got "one"$/],
      ['t,d\n0,-1', /line 2, column d: expected a duration of 0 or more seconds.*, got -1000000 µs$/],
      ['t,d\n0,1e30', /line 2, column d: expected a duration/],
      ['t,d\n99999999999,1', /line 2, column t: expected a time .* up to the year 2112, got "99999999999"$/],
      ['t,d\n0,1,2', /line 2: expected 2 fields as in the header, got 3$/],
      ['t,d\n0', /line 2: expected 2 fields as in the header, got 1$/],
      ['t,d\n0,1\n"0,1\n0,1', /line 3: expected a closing quote, got the end of the file$/],
      ['t,d\n"0"x,1', /line 2: expected a comma after a closing quote, got "x,1"$/],
    ];
    for (const [text, message] of cases) {
      expect(refusal(text), text).toMatchObject({
        code: 'trace-invalid',
        message: expect.stringMatching(message),
      });
    }
    expect(refusal('t,d,m\n0,1,many', { ...CSV, csvMemory: 'm' }).message).toMatch(
      /column m: expected memory/,
    );
  });

  it('names a column that is not there, with the columns there are', () => {
    const cases: readonly [options: TraceOptions, message: RegExp][] = [
      [
        { csvTime: 'tmie', csvDuration: 'd' },
        /^csvTime: x\.csv has no column "tmie" \(did you mean time\?\); its columns are time, d$/,
      ],
      [{ csvTime: 'time', csvDuration: '2*dd' }, /^csvDuration: .* no column "dd" \(did you mean d\?\)/],
      [{ csvTime: 'time', csvDuration: 'd', csvFunction: 'what' }, /^csvFunction: .* no column "what"; /],
      [{ csvTime: 'time', csvDuration: 'd*time' }, /expected at most one column in a product/],
      [
        { csvTime: 'time', csvDuration: '2+' },
        /csvDuration "2\+": expected a number or a column, got its end/,
      ],
      [{ csvTime: 'time', csvDuration: '2 3' }, /expected \+, - or \*, got "3"/],
      [{ csvTime: 'time', csvDuration: '' }, /expected a number or a column/],
      [{ csvTime: 'time' }, /the format csv needs csvDuration, .*; the columns are time, d$/],
      [{ format: 'csv' }, /the format csv needs csvTime/],
    ];
    for (const [options, message] of cases) {
      const expected = { code: 'usage', message: expect.stringMatching(message) };
      expect(refusal('time,d\n0,1', options)).toMatchObject(expected);
    }
    expect(refusal('t,t,d\n0,1,2').message).toMatch(/more than one column "t"/);
  });

  it('is refused when nothing is in it', () => {
    for (const text of ['', '\n\n', 't,d\n', 't,d']) expect(refusal(text).code, text).toBe('trace-empty');
  });
});

describe('the Azure Functions trace of 2021', () => {
  const file = new URL('./traces/azure2021_invocations_sample200.csv', import.meta.url).pathname;

  it('is found, sorted by its starts, and short names tell its functions apart', async () => {
    const trace = await readTraceFile(file);
    expect(trace).toMatchObject({ format: 'azure2021', count: 199 });
    expect(new Set(trace.functionNames).size).toBe(31);
    expect(trace.functionNames[0]).toBe('7b2c43a2/e3cdb488');
    expect([trace.arrivedAtUs[0], trace.runUs[0]]).toEqual([1_490, 78_000]);
    expect(trace.arrivedAtUs.every((time, at) => at === 0 || time >= (trace.arrivedAtUs[at - 1] ?? 0))).toBe(
      true,
    );
    expect(trace.runUs.includes(0)).toBe(true);
    expect(Math.max(...trace.runUs)).toBe(404_987_000);
  });

  it('lengthens the names until they differ, and moves a trace that begins before its zero', () => {
    const text = 'app,func,end_timestamp,duration\naaaaaaaa01,f,1,3\naaaaaaaa02,f,2.0,1e-05\n';
    expect(rowsOf(readTraceText(text, 'x'))).toEqual([
      ['aaaaaaaa01/f', 0, 3_000_000],
      ['aaaaaaaa02/f', 3_999_990, 10],
    ]);
  });

  it('names what is wrong in a row', () => {
    const text = (row: string) => `app,func,end_timestamp,duration\n${row}\n`;
    expect(refusal(text('a,f,soon,1'), {}).message).toMatch(/line 2, column end_timestamp: .* got "soon"/);
    expect(refusal(text('a,f,1,-1'), {}).message).toMatch(/line 2, column duration: .* got "-1"/);
  });
});

describe('the AWS sweep', () => {
  const header = 'platform,rps,start_ms_epoch,duration_ms,billed_ms,memory_mb,max_memory_mb,init_ms,instance';

  it('makes each request rate a function, and keeps memory and start-up times', () => {
    const trace = readTraceText(
      `${header}\naws,6,1000,155.51,156,1769,40,98.40,a\naws,12,900,1,1,128,40,,b\n`,
      'x',
    );
    expect(rowsOf(trace)).toEqual([
      ['rps-12', 900_000, 1_000],
      ['rps-6', 1_000_000, 155_510],
    ]);
    expect([...(trace.columns.startupUs ?? [])]).toEqual([0, 98_400]);
    expect([...(trace.columns.memoryBytesLimit ?? [])]).toEqual([128 * 2 ** 20, 1769 * 2 ** 20]);
    expect([...(trace.columns.memoryBytesPeak ?? [])]).toEqual([40 * 2 ** 20, 40 * 2 ** 20]);
  });

  it('names what is wrong in a row', () => {
    const message = (row: string) => refusal(`${header}\n${row}`, {}).message;
    expect(message('aws,6,x,155.51,156,1769,40,,a')).toMatch(/column start_ms_epoch: .* got "x"/);
    expect(message('aws,6,1,1,156,1769,40,never,a')).toMatch(/column init_ms: .* got "never"/);
    expect(message('aws,6,1,1,156,big,40,,a')).toMatch(/column memory_mb: .* got "big"/);
  });
});

describe('a trace', () => {
  it('of no known format is refused with the formats there are', () => {
    for (const text of [
      'a,b\n1,2',
      '{"format":"other"}',
      '[{}]',
      '\u0000asm',
      '"open',
      'x'.repeat(2 ** 21),
    ]) {
      const { code, message } = refusal(text, {});
      expect(code).toBe('trace-format-unknown');
      expect(message).toMatch(/ebb, .*azure2021, .*aws-sweep, .*; and csv: /);
      expect(message.length).toBeLessThan(1000);
    }
  });

  it('of another format than the one that was named is refused at its first line', () => {
    for (const format of ['ebb', 'azure2021', 'aws-sweep'] as const) {
      expect(refusal('a,b\n1,2', { format })).toMatchObject({
        code: 'trace-invalid',
        message: expect.stringMatching(/^x\.csv line 1: expected a header/),
      });
    }
  });

  it('is read with options that fit together', () => {
    const cases: readonly [options: unknown, message: RegExp][] = [
      [
        { format: 'azure202' },
        /format: expected one of auto, ebb, .*, got "azure202" \(did you mean azure2021\?\)/,
      ],
      [{ formt: 'csv' }, /no option "formt" \(did you mean format\?\)/],
      [{ format: 'ebb', csvTime: 't' }, /csvTime is for the format csv alone, but the format is "ebb"/],
      [
        { ...CSV, csvTimeUnit: 'min', csvDurationUnit: 'h' },
        /csvTimeUnit: .* got "min".*; csvDurationUnit: /,
      ],
      [{ csvTime: 3 }, /csvTime: expected text, got 3/],
    ];
    for (const [options, message] of cases) {
      const expected = { code: 'usage', message: expect.stringMatching(message) };
      expect(refusal('t,d\n0,1', options as TraceOptions)).toMatchObject(expected);
    }
  });

  it('that cannot be read says why', async () => {
    const folder = new URL('.', import.meta.url).pathname;
    await expect(readTraceFile(`${folder}none.csv`)).rejects.toMatchObject({
      code: 'file-unreadable',
      message: expect.stringContaining('there is no such file'),
    });
    await expect(readTraceFile(folder)).rejects.toMatchObject({ code: 'file-unreadable' });
    const signal = AbortSignal.abort();
    const file = `${folder}traces/azure2021_invocations_sample200.csv`;
    await expect(readTraceFile(file, {}, { signal })).rejects.toMatchObject({ code: 'interrupted' });
  });
});

describe('decimal text', () => {
  it('becomes the integer that exact arithmetic gives', () => {
    const digits = fc.stringMatching(/^\d{1,9}$/);
    fc.assert(
      fc.property(
        digits,
        fc.stringMatching(/^\d{0,9}$/),
        fc.constantFrom(0, 3, 6),
        (whole, fraction, shift) => {
          const exact = BigInt(whole + fraction.slice(0, shift).padEnd(shift, '0'));
          expect(scaledInteger(`${whole}.${fraction}`, shift)).toBe(Number(exact));
          expect(scaledInteger(`${whole}${fraction}e-${fraction.length}`, shift)).toBe(Number(exact));
        },
      ),
    );
  });

  it('is refused when it is no number, and marked when it is too large', () => {
    for (const text of ['', '.', '-', '1.2.3', '1e', 'e5', '0x10', ' 1', '1 ', '+1', 'NaN', '１']) {
      expect(scaledInteger(text, 6), text).toBeNaN();
    }
    expect(scaledInteger('99999999999999999', 0)).toBe(Number.POSITIVE_INFINITY);
    expect(scaledInteger('-0.0000001', 6)).toBe(0);
    expect(scaledInteger('-2.5', 3)).toBe(-2_500);
  });
});
