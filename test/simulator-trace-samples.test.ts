/** Rows that others wrote: examples of publishers' documentation, and what programs really put out. */
import { describe, expect, it } from 'vitest';
import { readTraceFile } from '../simulator/traces/file.ts';
import type { Trace } from '../simulator/traces/trace.ts';

const fixture = (name: string): string => new URL(`./traces/${name}`, import.meta.url).pathname;
const FILLED = { serviceTime: 'constant:1ms' };
const MB = 2 ** 20;

/** Requests to each function, by name. */
function countsOf({ functionNames, functionIndex }: Trace): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const index of functionIndex) {
    const name = functionNames[index] as string;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('rows of the Huawei traces', () => {
  it('2023: every request of six minutes, where functions without any have an empty field', async () => {
    const trace = await readTraceFile(fixture('huawei2023_requests_minute_head.csv'), FILLED);
    expect(trace).toMatchObject({ format: 'huawei2023', skippedBad: 0 });
    expect(countsOf(trace)).toEqual({ 2: 2, 3: 32_900, 4: 28_313, 6: 10_164 });
    const minutes = new Set(trace.arrivedAtUs.map((us) => Math.floor(us / 60e6)));
    expect([...minutes]).toEqual([0, 1, 2, 3, 4, 37_435]);
  });

  it('2025: ten cold starts from the first to the last day, each with its pool', async () => {
    const trace = await readTraceFile(fixture('huawei2025_cold_starts_head.csv'), FILLED);
    expect(trace).toMatchObject({ format: 'huawei2025-cold-starts', count: 10 });
    expect([trace.arrivedAtUs[0], trace.arrivedAtUs[9]]).toEqual([104_000, 2_678_388_616_000]);
    expect(trace.columns.startupUs?.[5]).toBe(6_913_106);
    const sizes = Array.from(trace.columns.memoryBytesLimit ?? [], (bytes) => bytes / MB);
    expect(sizes).toEqual([128, 128, 512, 128, 1024, 8192, 4096, 128, 256, 128]);
    expect(trace.functionNames[0]).toBe('439/332');
  });

  it('2025: the documented request, with every column that the release has', async () => {
    const trace = await readTraceFile(fixture('huawei2025_requests_example.csv'));
    expect(trace).toMatchObject({ format: 'huawei2025-requests', count: 1, functionNames: ['224/296'] });
    expect([trace.arrivedAtUs[0], trace.runUs[0]]).toEqual([2_600_186_968_579, 23_637]);
  });
});

describe("AWS's documented lines", () => {
  it('ALB: older and newer ones, to a machine and to a Lambda function', async () => {
    const trace = await readTraceFile(fixture('alb_examples.log'), { functionBy: 'host' });
    expect(trace).toMatchObject({ format: 'alb', count: 3, skippedRejected: 0 });
    // The two of the same response time differ by what came before it.
    const endUs = Date.UTC(2018, 6, 2, 22, 23, 0) * 1_000 + 186_641;
    expect([...trace.arrivedAtUs].slice(0, 2)).toEqual([endUs - 171_000, endUs - 1_000]);
    expect([...trace.runUs]).toEqual([48_000, 1_000, 1_000]);
    expect(trace.functionNames).toEqual(['www.example.com']);
  });

  it('CloudFront: every field of the standard log', async () => {
    const trace = await readTraceFile(fixture('cloudfront_examples.log'), { functionBy: 'host' });
    expect(trace).toMatchObject({ format: 'cloudfront', count: 2 });
    expect([...trace.runUs].sort()).toEqual([0, 1_000]);
    expect(trace.columns.bytesOut).toEqual(Float64Array.of(392, 392));
    expect(trace.functionNames).toEqual(['d111111abcdef8.cloudfront.net']);
  });
});

describe('what load generators and proxies put out', () => {
  it('k6 gives the same durations in JSON and in CSV, and the name that a request was given', async () => {
    const [json, csv] = await Promise.all(
      ['k6_run.jsonl', 'k6_run.csv'].map((name) => readTraceFile(fixture(name), { functionBy: 'path' })),
    );
    expect([json?.format, csv?.format]).toEqual(['k6-json', 'k6-csv']);
    for (const trace of [json, csv] as Trace[]) {
      expect(countsOf(trace)).toEqual({ '/api/items': 6, slow: 6, '/missing': 6 });
      expect(trace.columns.httpStatus?.filter((status) => status === 404)).toHaveLength(6);
    }
    const sorted = (trace: Trace | undefined) => trace?.runUs.toSorted();
    expect(sorted(csv)).toEqual(sorted(json));
    // Two users send one request after the other: never more than two at once.
    const { arrivedAtUs = [], runUs = [] } = json ?? {};
    for (const [at, time] of arrivedAtUs.entries()) {
      const inside = Array.from(arrivedAtUs).filter(
        (from, other) => from <= time && time < from + (runUs[other] ?? 0),
      );
      expect(inside.length, String(at)).toBeLessThanOrEqual(2);
    }
  });

  it("k6's documented CSV", async () => {
    const trace = await readTraceFile(fixture('k6_documented.csv'));
    expect(trace).toMatchObject({ format: 'k6-csv', count: 1 });
    expect(trace.runUs[0]).toBe(221_899);
  });

  it('vegeta: zones, requests without a URL, and one that was refused', async () => {
    const trace = await readTraceFile(fixture('vegeta_results.jsonl'));
    expect(trace).toMatchObject({ format: 'vegeta-json', count: 2 });
    expect([...trace.arrivedAtUs]).toEqual([
      Date.UTC(2019, 10, 4, 7, 46, 16) * 1_000 + 885_395,
      Date.UTC(2022, 6, 4, 15, 52, 6) * 1_000 + 96_582,
    ]);
    expect([...trace.runUs]).toEqual([1_089, 306]);
    expect(trace.columns.httpStatus).toEqual(Float64Array.of(0, 200));
  });

  it("a proxy's HTTP Archive, with microseconds in its times", async () => {
    const trace = await readTraceFile(fixture('mitmproxy.har'), { functionBy: 'path' });
    expect(trace).toMatchObject({ format: 'har', count: 5, skippedRejected: 0 });
    expect(trace.functionNames).toEqual(['/', '/api/items', '/slow', '/missing', '/api/post']);
    expect(trace.arrivedAtUs[0]).toBe(Date.UTC(2026, 10, 21, 15, 14, 43) * 1_000 + 471_421);
    expect([...trace.runUs]).toEqual([38_200, 21_108, 135_670, 38_835, 19_962]);
    expect([...(trace.columns.bytesOut ?? [])]).toEqual([8, 21, 12, 15, 16]);
  });
});
