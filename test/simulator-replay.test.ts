/** Replays of real traces against numbers that were measured, or computed by other programs. */
import { beforeAll, describe, expect, it } from 'vitest';
import { simulate } from '../simulator/run.ts';
import { readTraceFile } from '../simulator/traces/file.ts';
import type { Trace } from '../simulator/traces/trace.ts';

const SAMPLES = new URL('../simulator/traces/samples/', import.meta.url).pathname;
const AWS = `${SAMPLES}aws_lambda_rps_sweep_2025-05.csv`;
const LLM = `${SAMPLES}azure_llm2023_code.csv`;

describe('the AWS sweep of 2025', () => {
  it.each(['auto', 'aws-sweep'] as const)(
    'uses the instances that AWS used, with all defaults (%s)',
    async (format) => {
      const trace = await readTraceFile(AWS, { format });
      const [platform] = simulate(trace, { platforms: ['functions'] }).platforms;
      expect(trace.format).toBe('aws-sweep');
      expect(platform?.requests).toBe(13_555);
      expect(platform?.functions.map(({ name, instancesPeak }) => [name, instancesPeak])).toEqual([
        ['rps-1', 1],
        ['rps-2', 1],
        ['rps-4', 1],
        ['rps-5', 1],
        ['rps-6', 2],
        ['rps-8', 2],
        ['rps-10', 2],
        ['rps-12', 3],
        ['rps-15', 4],
        ['rps-20', 4],
        ['rps-30', 7],
      ]);
      expect(platform?.settings).toMatchObject({ coldStartMs: 'trace', keepAliveS: 600, pick: 'newest' });
    },
  );

  it('takes the cold start that it is told instead of the log’s own', async () => {
    const trace = await readTraceFile(AWS);
    const [platform] = simulate(trace, { platforms: ['functions'], coldStartMs: 250 }).platforms;
    expect(platform?.functions.find(({ name }) => name === 'rps-30')?.instancesPeak).toBe(14);
    expect(platform?.waitMs.max).toBe(250);
  });
});

describe('the Azure LLM trace of 2023', () => {
  let trace: Trace;
  beforeAll(async () => {
    trace = await readTraceFile(LLM, { csvTime: 'TIMESTAMP', csvDuration: '0.05+0.02*GeneratedTokens' });
  });

  it('is read whole', () => {
    expect(trace.count).toBe(8_819);
    expect(simulate(trace, { platforms: ['vm'] }).trace).toMatchObject({
      format: 'csv',
      functions: 1,
      startUs: 1_700_158_623_979_960,
      spanS: 3435.948056,
    });
  });

  it('on functions gives the exact counts and seconds', () => {
    const scenario = { platforms: ['functions'], keepAliveS: 60, coldStartMs: 500 } as const;
    expect(simulate(trace, scenario).platforms[0]).toMatchObject({
      requests: 8_819,
      served: 8_819,
      coldStarts: 375,
      warmStarts: 8_444,
      instancesPeak: 50,
      busySeconds: 5546.37,
      aliveSeconds: 46033.742699,
      idleSeconds: 40487.372699,
    });
  });

  // Counted by a list of all instances that is searched for each request.
  it.each([
    ['oldest', 375, 46025.333882],
    ['lru', 299, 60208.938253],
  ] as const)('on functions that pick %s, too', (pick, coldStarts, aliveSeconds) => {
    const scenario = { platforms: ['functions'], keepAliveS: 60, coldStartMs: 500, pick } as const;
    expect(simulate(trace, scenario).platforms[0]).toMatchObject({
      coldStarts,
      instancesPeak: 50,
      aliveSeconds,
    });
  });

  it.each([{ instances: 8 }, { cores: 8 }])('on eight servers gives the exact waits (%o)', (servers) => {
    const [vm] = simulate(trace, { platforms: ['vm'], ...servers }).platforms;
    expect(vm?.waited).toBe(4_358);
    expect(vm?.waitMs.mean.toFixed(3)).toBe('1309.109');
    expect(vm?.waitMs).toMatchObject({ p50: 0, p95: 7887.548, p99: 15415.951, max: 18273.944 });
    expect(vm?.busySeconds).toBe(5358.87);
  });
});
