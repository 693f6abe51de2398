/** Traces that are too long for memory: sorted in files, and replayed from there as if they had been in memory. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import type { CodedError } from '../metering/errors.ts';
import { WARMTHS } from '../metering/execution.ts';
import { RandomStream, replicationSeed } from '../simulator/kernel/random.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { simulateOnThreads } from '../simulator/threads/simulate.ts';
import { describeTrace } from '../simulator/traces/describe.ts';
import { openWorkload, type WorkloadOptions } from '../simulator/traces/load.ts';
import { TempFiles } from '../simulator/traces/temp-files.ts';
import type { Replayable, Trace } from '../simulator/traces/trace.ts';
import { execution } from './records.ts';
import { about, allRows, bothWays } from './stored-kit.ts';
import { fixture } from './trace-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'ebb-stored-'));
afterAll(() => rmSync(folder, { recursive: true }));

function put(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const random = new RandomStream(1, 'test of stored traces');
const upTo = (max: number): number => Math.floor(random.uniform() * max);

/** Few whole seconds for many rows, so that times are equal everywhere. */
const CSV_ROWS = Array.from(
  { length: 2_000 },
  (_, at) => `${upTo(300)},0.${upTo(9)}${at},f${upTo(5)},${128 * (1 + upTo(4))}`,
);
const HEADER = 't,d,f,m\n';
const UNSORTED = put('unsorted.csv', HEADER + CSV_ROWS.join('\n'));
const SORTED = put(
  'sorted.csv',
  HEADER + CSV_ROWS.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).join('\n'),
);
const BAD = put('bad.csv', HEADER + CSV_ROWS.map((row, at) => (at % 400 === 7 ? 'x,1,f,1' : row)).join('\n'));
const CSV = { csvTime: 't', csvDuration: 'd', csvFunction: 'f' } as const;
const CSV_ALL = { ...CSV, csvMemory: 'm' } as const;
const TIMES = { csvTime: 't', csvFunction: 'f' } as const;

/** An export of a host: everything that can be known, rejected requests between the others. */
const RECORDS = Array.from({ length: 1_500 }, (_, at) => {
  const outcome = at % 50 === 3 ? 'rejected' : (['ok', 'trap', 'time-limit'] as const)[upTo(3)];
  const runUs = upTo(2e6);
  return execution({
    functionName: `f${upTo(3)}`,
    version: `v${upTo(2)}`,
    ...{
      arrivedAtUs: upTo(6e7),
      queueUs: upTo(3) * upTo(1e6),
      startupUs: upTo(1e5),
      runUs,
      cpuUs: upTo(runUs),
    },
    ...{ fuelUsed: upTo(1e9), memoryBytesPeak: upTo(1e8), memoryBytesLimit: (1 + upTo(4)) * 2 ** 27 },
    ...{ bytesIn: upTo(1e4), bytesOut: upTo(1e5), httpStatus: 200 + upTo(3), outcome: outcome ?? 'ok' },
    warmth: WARMTHS[upTo(WARMTHS.length)] ?? 'warm',
    ...(outcome === 'rejected' ? { runUs: 0, cpuUs: 0, startupUs: 0, bytesOut: 0, fuelUsed: 0 } : {}),
  });
});
const EXPORT = put(
  'export.jsonl',
  [{ format: 'ebb-executions', formatVersion: 1 }, ...RECORDS].map((line) => JSON.stringify(line)).join('\n'),
);

const COUNTS = put('counts.csv', 'timestamp,value\n0,700\n60,0\n120,900\n180,300\n');
const PERCENTILES = fixture('invocations_per_function_md.anon.d01.csv');
const NO_MEMORY = put(
  'invocations_only.csv',
  'HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,f,http,30,20\no,a,g,http,9,9\n',
);
const ENDS = put('ends.csv', 'app,func,end_timestamp,duration\na,f,1,9\na,g,2,1\na,f,0,5');
const SHORT = put('short.csv', 'app,func,end_timestamp,duration\na,f,1,1\nb,g,2,1\na,f,2,0');
const AZURE = fixture('azure2021_invocations_sample200.csv');
const MADE_UP = 'poisson:rate=20/s,duration=100s,functions=3';

/** What it is, the file, how many requests fit in memory, and options. */
type Case = readonly [string, string | null, number, WorkloadOptions];
const CASES: readonly Case[] = [
  ['in order', SORTED, 100, CSV_ALL],
  ['in no order', UNSORTED, 100, CSV_ALL],
  ['in more runs than are merged at once', UNSORTED, 16, CSV_ALL],
  ['of gzip', put('x.gz', gzipSync(HEADER + CSV_ROWS.join('\n'))), 300, CSV],
  ['of zstd', put('x.zst', zstdCompressSync(HEADER + CSV_ROWS.join('\n'))), 300, CSV],
  ['of bzip2', fixture('azure2021_invocations_sample200.csv.bz2'), 50, {}],
  ['of Parquet', fixture('parquet/azure2021_zstd.parquet'), 50, {}],
  ['that begins before its zero', ENDS, 1, {}],
  ['with bad rows', BAD, 100, { ...CSV_ALL, maxBadRows: 9 }],
  ['with made-up durations', UNSORTED, 100, { ...TIMES, serviceTime: 'lognormal:80ms,cv=2', seed: 5 }],
  ['with made-up memory', UNSORTED, 100, { ...CSV, traceMemoryMb: 256 }],
  ['thinned', UNSORTED, 100, { ...CSV, transform: 'scale=0.5' }],
  ['of counts', COUNTS, 100, { serviceTime: 'exponential:50ms' }],
  ['of percentiles', PERCENTILES, 700, {}],
  ['of counts without memory', NO_MEMORY, 7, { serviceTime: 'constant:1s', traceMemoryMb: 128 }],
  ['of a log', fixture('cloudwatch_aws_rps10_head.json'), 3, {}],
  ['of a host', EXPORT, 100, {}],
  ['scaled up', UNSORTED, 100, { ...CSV_ALL, transform: 'scale=2.5' }],
  ['compressed', UNSORTED, 100, { ...CSV_ALL, transform: 'compress=7' }],
  ['repeated', UNSORTED, 100, { ...CSV_ALL, transform: 'repeat=3' }],
  ['that becomes long', SHORT, 5, { transform: 'repeat=9/5s' }],
  ['sliced and filtered', EXPORT, 100, { transform: 'slice=10s..50s,filter=function!=f1' }],
  ['with a short one', EXPORT, 1_000, { transform: `mix=${SHORT}` }],
  ['with a long one', AZURE, 400, { transform: `slice=0s..1m,mix=${EXPORT},scale=1.5` }],
  ['with itself', EXPORT, 100, { transform: `mix=${EXPORT},compress=2` }],
  [
    'made up and transformed',
    null,
    300,
    { synthetic: MADE_UP, serviceTime: 'exponential:90ms', transform: 'filter=function~[12],scale=3' },
  ],
];

describe('a trace in a file', () => {
  it.each(CASES)('has the requests that it has in memory: %s', async (_, file, inMemoryMax, options) => {
    const { whole, stored, files } = await bothWays(file, options, inMemoryMax);
    expect(about(stored)).toEqual(about(whole));
    expect(allRows(stored)).toEqual(allRows(whole));
    expect(allRows(stored)).toEqual(allRows(whole));
    files.end();
  });

  const scenarios: readonly (readonly [string, ScenarioInput])[] = [
    [UNSORTED, { platforms: ['functions'], coldStartMs: 200, seriesS: 10 }],
    [
      UNSORTED,
      { platforms: ['functions'], maxInstances: 3, attempts: 4, memoryCapMb: 900, keepAlive: 'greedy-dual' },
    ],
    [UNSORTED, { platforms: ['functions'], provisioned: '0:2,60:3' }],
    [UNSORTED, { platforms: ['vm'], instances: 1, cores: 2, queueLimit: 300 }],
    [UNSORTED, { platforms: ['paas'], maxInstances: 5, routing: 'random' }],
    [EXPORT, { platforms: ['functions'], coldStartMs: 'trace', keepAliveS: 0 }],
    [EXPORT, { platforms: ['functions'], coldStartMs: 'trace', keepAliveS: 0, maxInstances: 9, attempts: 3 }],
    [
      EXPORT,
      { platforms: ['functions'], coldStartMs: 'trace', keepAliveS: 3, maxInstances: 20, attempts: 3 },
    ],
    [EXPORT, { platforms: ['functions'], extras: ['aws-api-gateway'] }],
    [
      EXPORT,
      {
        platforms: ['vm'],
        instances: 2,
        cores: 8,
        sharing: 'ps',
        spotLivesS: '20,50',
        spotNoticeS: 1,
        bootS: 2,
        attempts: 2,
      },
    ],
    [EXPORT, { platforms: ['vm-group'], maxInstances: 5, cores: 2, concurrency: 4 }],
    [EXPORT, { platforms: ['containers'], concurrency: 2 }],
    [
      EXPORT,
      { platforms: ['ebb'], coldStartMs: 'trace', cores: 4, queueTimeoutMs: 2_000, timeLimitMs: 1_500 },
    ],
  ];
  it.each(scenarios)('gives the bytes of the same trace in memory: %s %j', async (file, scenario) => {
    const { whole, stored, files } = await bothWays(file, file === EXPORT ? {} : CSV_ALL, 100);
    expect(JSON.stringify(simulate(stored, scenario))).toBe(JSON.stringify(simulate(whole, scenario)));
    files.end();
  });

  it('is replayed by threads at once, drawn anew for each replication', async () => {
    const options = { ...TIMES, serviceTime: 'exponential:300ms' };
    const scenario: ScenarioInput = { platforms: ['functions', 'vm'], replications: 3, seed: 4 };
    const released: string[] = [];
    const results = await Promise.all(
      [Number.POSITIVE_INFINITY, 100].map(async (inMemoryMax) => {
        const files = new TempFiles();
        const traces = Array.from({ length: 3 }, (_, at) =>
          openWorkload(UNSORTED, { ...options, seed: replicationSeed(4, at) }, {}, inMemoryMax, files),
        );
        const of = (replication: number) => traces[replication] as Promise<Replayable>;
        const partsOf = (replication: number) => [`${replication}`];
        const release = (part: string) => void released.push(part);
        const own = { of, partsOf, release };
        const result = await simulateOnThreads(own, scenario, { version: '1', threads: 2 });
        files.end();
        return JSON.stringify(result);
      }),
    );
    expect(results[1]).toBe(results[0]);
    expect(released.sort()).toEqual(['0', '0', '1', '1', '2', '2']);
  });

  it('leaves nothing in its folder, not even while it is there', async () => {
    const own = mkdtempSync(join(folder, 'empty-'));
    const { stored, files } = await bothWays(
      UNSORTED,
      { ...CSV, transform: 'scale=2' },
      100,
      new TempFiles(own),
    );
    expect(readdirSync(own)).toEqual([]);
    expect(allRows(stored).length).toBe(4_000);
    files.end();
    expect(() => allRows(stored)).toThrow(/EBADF|lost its end/);
  });
});

describe('a long trace', () => {
  const opened = (file: string, options: WorkloadOptions, files = new TempFiles()) =>
    openWorkload(file, options, {}, 100, files);

  it('is refused as it is in memory', async () => {
    const cases: readonly (readonly [string, WorkloadOptions])[] = [
      [BAD, { ...CSV, maxBadRows: 2 }],
      [UNSORTED, TIMES],
      [UNSORTED, { ...CSV, serviceTime: 'constant:1s' }],
      [UNSORTED, { ...CSV_ALL, traceMemoryMb: 3 }],
      [UNSORTED, { ...CSV, transform: 'filter=function=none' }],
      [UNSORTED, { ...CSV, transform: 'repeat=2/1s' }],
      [UNSORTED, { ...CSV, transform: 'compress=0.00000001' }],
    ];
    for (const [file, options] of cases) {
      const { code, message } = await refusalOf(openWorkload(file, options));
      expect(await refusalOf(opened(file, options))).toMatchObject({ code, message });
    }
  });

  it('has a number of requests that platforms can count', async () => {
    for (const transform of ['scale=10,repeat=100000', 'scale=1000000']) {
      expect(await refusalOf(opened(UNSORTED, { ...CSV, transform }))).toMatchObject({
        code: 'trace-too-large',
        details: { arrivalsMax: 2 ** 30 },
      });
    }
  });

  it('needs a folder for its files', async () => {
    const files = new TempFiles(join(folder, 'none'));
    expect(await refusalOf(opened(UNSORTED, CSV, files))).toMatchObject({
      code: 'file-unwritable',
      message: expect.stringMatching(
        /^expected room for temporary files in .*none \(TMPDIR names another.*ENOENT/,
      ),
    });
  });
});

/** What prepares a long trace, with a workload of which it is a part. */
const STAGES: readonly (readonly [string, string | null, WorkloadOptions])[] = [
  ['sorting', UNSORTED, CSV_ALL],
  ['filling', UNSORTED, { ...TIMES, serviceTime: 'constant:1s' }],
  ['surveying', UNSORTED, CSV_ALL],
  ['storing', null, { synthetic: MADE_UP, serviceTime: 'constant:1s', transform: 'compress=2' }],
  ...['scale=2.5', 'compress=7', 'repeat=3', 'slice=10s..', 'filter=function!=f1', `mix=${EXPORT}`].map(
    (step) => [`transforming by ${step}`, UNSORTED, { ...CSV_ALL, transform: step }] as const,
  ),
  ['renumbering functions', UNSORTED, { ...CSV, transform: 'filter=function!=f1' }],
];

describe('preparing a long trace', () => {
  it.each(STAGES)('says how far it is: %s', async (stage, file, options) => {
    const shares: number[] = [];
    const files = new TempFiles();
    const onProgress = (doing: string, share: number) => doing === stage && shares.push(share);
    await openWorkload(file, options, { onProgress }, 100, files);
    files.end();
    expect(shares.length).toBeGreaterThan(9);
    // Those that come twice begin anew.
    const last = shares.findIndex((share, at) => share > (shares[at + 1] ?? 0));
    const once = shares.slice(0, last + 1);
    expect(once).toEqual(once.toSorted((a, b) => a - b));
    expect(once[0]).toBeLessThan(0.2);
    expect(once.at(-1)).toBeGreaterThan(stage === 'storing' ? 0.9 : 0.99);
  });

  it.each(STAGES)('is interrupted by what happens meanwhile: %s', async (stage, file, options) => {
    const own = mkdtempSync(join(folder, 'stopped-'));
    const files = new TempFiles(own);
    const controller = new AbortController();
    const heard: string[] = [];
    const onProgress = (doing: string) => {
      heard.push(doing);
      // Not at once: only work that gives others a turn gets to know of it.
      if (doing === stage) setImmediate(() => controller.abort());
    };
    const opening = openWorkload(file, options, { signal: controller.signal, onProgress }, 100, files);
    expect(await refusalOf(opening)).toMatchObject({
      code: 'interrupted',
      message: `${stage} was interrupted`,
    });
    expect(heard.indexOf(stage)).toBe(heard.length - 1);
    files.end();
    expect(readdirSync(own)).toEqual([]);
  });
});

/** Enough for several pieces of a file, and for several slices of a sort. */
const LARGE = put(
  'large.csv',
  HEADER + Array.from({ length: 250_000 }, (_, at) => `${(at * 7_919) % 86_400},${at % 9},f,128`).join('\n'),
);

describe('a large run', () => {
  const heardOf = async (options: WorkloadOptions, inMemoryMax: number, file: string | null = LARGE) => {
    const heard: string[] = [];
    const files = new TempFiles();
    const trace = await openWorkload(
      file,
      options,
      { onProgress: (doing) => heard.push(doing) },
      inMemoryMax,
      files,
    );
    return { heard, trace, files };
  };
  const timesOf = (heard: readonly string[], doing: string): number =>
    heard.filter((one) => one === doing).length;

  it('in memory is sorted, put in order and filled a slice at a time', async () => {
    const { heard, trace } = await heardOf({ ...TIMES, serviceTime: 'constant:1s' }, 1e6);
    const slices = 4;
    // 86,400 s in microseconds are four digits of eleven bits; two columns have times and durations, one functions.
    expect(timesOf(heard, 'sorting')).toBe(2 * 4 * slices);
    expect(timesOf(heard, 'ordering')).toBe(3 * slices);
    expect(timesOf(heard, 'filling')).toBe(slices);
    expect(
      (trace as Trace).arrivedAtUs.every((us, at, all) => at === 0 || us >= (all[at - 1] as number)),
    ).toBe(true);
  });

  it('is sorted between two pieces of the file, where it does not fit', async () => {
    const { heard, trace, files } = await heardOf(CSV_ALL, 60_000);
    const reading = `reading ${LARGE}`;
    expect(heard.indexOf('sorting')).toBeGreaterThan(heard.indexOf(reading));
    expect(heard.indexOf('sorting')).toBeLessThan(heard.lastIndexOf(reading));
    const whole = await heardOf(CSV_ALL, 1e6);
    expect(describeTrace(trace)).toEqual(describeTrace(whole.trace));
    files.end();
  });

  it('that is transformed or made up in memory lets others have their turn as well', async () => {
    const transformed = await heardOf({ ...CSV, transform: 'compress=3' }, 1e6, SORTED);
    expect(timesOf(transformed.heard, 'ordering')).toBeGreaterThan(0);
    const madeUp = await heardOf({ synthetic: MADE_UP, serviceTime: 'constant:1s' }, 1e6, null);
    expect(timesOf(madeUp.heard, 'making up requests')).toBeGreaterThan(0);
  });
});

const refusalOf = (opening: Promise<unknown>): Promise<CodedError> =>
  opening.then(
    () => Promise.reject(new Error('it was read')),
    (thrown: CodedError) => thrown,
  );
