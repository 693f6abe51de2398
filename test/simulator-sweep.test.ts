/** Sweeps, goals, and replays on worker threads: the same bytes on any number of them. */
import { describe, expect, it } from 'vitest';
import { CodedError } from '../metering/errors.ts';
import { replicationSeed } from '../simulator/kernel/random.ts';
import { sweepTable } from '../simulator/report/sweep-table.ts';
import { comparisonTable } from '../simulator/report/table.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { gridOf, readAxes, type SweepInput } from '../simulator/sweep/axes.ts';
import { sweep } from '../simulator/sweep/sweep.ts';
import type { ParallelRun } from '../simulator/threads/parallel-run.ts';
import { simulateOnThreads } from '../simulator/threads/simulate.ts';
import { WorkloadTraces } from '../simulator/threads/workload-traces.ts';
import type { WorkloadOptions } from '../simulator/traces/load.ts';

const WORKLOAD = {
  synthetic: 'poisson:rate=100/s,duration=100s,functions=3',
  serviceTime: 'exponential:50ms',
};

/** @param inMemoryMax a lower one makes streams of longer workloads. */
const tracesOf = (options: WorkloadOptions = WORKLOAD, inMemoryMax = 1e6): WorkloadTraces =>
  new WorkloadTraces(null, options, {}, inMemoryMax);

const on = (threads: number, onRun?: (run: ParallelRun) => void) => ({ version: '1.2.3', threads, onRun });

async function refusal(
  input: SweepInput,
  scenario: ScenarioInput = {},
  require: string[] = [],
): Promise<CodedError> {
  return sweep(tracesOf(), scenario, { sweep: input, require }, on(1)).then(
    () => Promise.reject(new Error('it was simulated')),
    (thrown: CodedError) => thrown,
  );
}

describe('what is swept', () => {
  it.each([
    ['1,2,4', [1, 2, 4]],
    ['1..5', [1, 2, 3, 4, 5]],
    ['60..330+90', [60, 150, 240, 330]],
    ['0..0.3+0.1', [0, 0.1, 0.2, 0.3]],
    ['128..1000*2', [128, 256, 512]],
    ['1,4..6,4', [1, 4, 5, 6]],
    ['newest, lru', ['newest', 'lru']],
    ['true,false', [true, false]],
  ])('is written as %s', (text, values) => {
    expect(readAxes({ coldStartMs: text })).toEqual([{ key: 'coldStartMs', values }]);
  });

  it('is text where the option is text, and may be a list as it is', () => {
    expect(readAxes({ provisioned: '5,10' })[0]?.values).toEqual(['5', '10']);
    expect(readAxes({ provisioned: ['0:1,60:2'] })[0]?.values).toEqual(['0:1,60:2']);
  });

  it('makes a grid whose last option changes first', () => {
    expect(gridOf(readAxes({ instances: '1,2', cores: '4,8' }))).toEqual([
      { instances: 1, cores: 4 },
      { instances: 1, cores: 8 },
      { instances: 2, cores: 4 },
      { instances: 2, cores: 8 },
    ]);
  });

  it.each([
    [{ instanses: '1' }, /no option "instanses" to sweep \(did you mean instances\?\)/],
    [{ seed: '1,2' }, /no option "seed" to sweep/],
    [{ instances: '4..1' }, /sweep instances: expected a range that rises.*got "4\.\.1"/],
    [{ instances: '1..8*1' }, /a factor above 1, got "1\.\.8\*1"/],
    [{ instances: '1..' }, /sweep instances: expected values between commas, or ranges.*got "1\.\."/],
    [{ instances: '' }, /expected values between commas/],
    [{ instances: [] }, /expected values between commas.*got \[\]/],
    [{ instances: '1..200', cores: '1..200' }, /at most 10000 points, got 40000/],
    [{ instances: '1..99999' }, /at most 10000 values/],
    [{ instances: '0..2' }, /sweep at instances=0: scenario: instances: expected an integer from 1/],
    [{ pick: 'best' }, /sweep at pick=best: .*expected one of newest, oldest, lru/],
    [{ warmUpS: '1,2' }, /warmUpS: is for vm-group, but simulated is functions, vm, paas/],
  ])('is refused before anything runs: %j', async (input, message) => {
    expect(await refusal(input as SweepInput)).toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    ['p95Ms', /require: expected a goal such as p95Ms<=200/],
    ['p95Ms=200', /expected a goal/],
    ['p95ms<=200', /no figure "p95ms" \(did you mean p95Ms\?\)/],
  ])('has goals, and this is none: %s', async (goal, message) => {
    expect((await refusal({ instances: '1' }, {}, [goal])).message).toMatch(message);
  });
});

describe('a sweep', () => {
  const base: ScenarioInput = { platforms: ['functions', 'vm'], queueLimit: 20 };
  const input = {
    sweep: { instances: '3..8', keepAliveS: '1,60' },
    require: ['p95Ms<=300', 'rejectedShare<=0.001'],
  };

  it('has a row for each point, each platform with the options that it uses, as if simulated alone', async () => {
    const traces = tracesOf();
    const result = await sweep(traces, base, input, on(2));
    expect(result).toMatchObject({
      version: '1.2.3',
      complete: true,
      sweep: { instances: [3, 4, 5, 6, 7, 8], keepAliveS: [1, 60] },
      require: ['latencyP95Ms<=300', 'rejectedShare<=0.001'],
      pointsPlanned: 8,
    });
    expect(result.points.map(({ platform, values }) => [platform, values])).toEqual([
      ['functions', { keepAliveS: 1 }],
      ['functions', { keepAliveS: 60 }],
      ...[3, 4, 5, 6, 7, 8].map((instances) => ['vm', { instances }]),
    ]);
    for (const { platform, values, result: own, figures } of result.points) {
      const [alone] = simulate(await traces.of(0, {}), {
        ...base,
        ...(values as ScenarioInput),
      }).platforms.filter(({ name }) => name === platform);
      const { functions: _, ...rest } = alone ?? { functions: [] };
      expect(own).toEqual(rest);
      expect(figures.costUsd).toEqual({ mean: own.costUsd, halfWidth: null });
    }
  });

  it('marks the points that hold, and names the cheapest of them', async () => {
    const result = await sweep(tracesOf(), base, input, on(2));
    const holding = result.points.filter(({ result: { latencyMs, rejected, requests } }) => {
      return latencyMs.p95 <= 300 && rejected / requests <= 0.001;
    });
    expect(holding.length).toBeGreaterThan(1);
    expect(holding.length).toBeLessThan(8);
    expect(result.points.filter(({ holds }) => holds)).toEqual(holding);
    const least = Math.min(...holding.map(({ result: { costUsd } }) => costUsd));
    expect(result.points[result.cheapest ?? -1]?.result.costUsd).toBe(least);
    const table = sweepTable(result);
    expect(table.match(/ cheapest$/gm)).toHaveLength(1);
    expect(table).toMatch(/\nCheapest that holds latencyP95Ms<=300 and rejectedShare<=0\.001: \w+, aws-/);
  });

  it('takes nobody who refuses requests for fast, unless a goal says how many may be refused', async () => {
    const refusing = { platforms: ['vm'], queueLimit: 0 } as const;
    const only = (require: string[]) => async () =>
      sweep(tracesOf(), refusing, { sweep: { instances: '2' }, require }, on(1));
    const strict = await only(['p95Ms<=300'])();
    expect(strict).toMatchObject({ cheapest: null, require: ['latencyP95Ms<=300', 'rejectedShare<=0'] });
    expect(strict.points).toMatchObject([{ holds: false, figures: { latencyP95Ms: {} } }]);
    expect(strict.points[0]?.result.latencyMs.p95).toBeLessThan(300);
    expect(sweepTable(strict)).toContain('No point holds latencyP95Ms<=300 and rejectedShare<=0.');
    const lax = await only(['p95Ms<=300', 'rejectedShare<=1'])();
    expect(lax.cheapest).toBe(0);
    expect((await only([])()).points[0]?.holds).toBe(null);
  });

  it('goes over price books and sizes, and shows each that differs once', async () => {
    const scenario = { platforms: ['functions', 'vm'] } as const;
    const axes = { prices: 'aws-lambda-x86,aws-lambda-arm', instanceType: 'm7g.medium,m7g.large' };
    const { points } = await sweep(tracesOf(), scenario, { sweep: axes }, on(2));
    expect(
      points.map(({ platform, priceBook, instanceType }) => [platform, priceBook, instanceType]),
    ).toEqual([
      ['functions', 'aws-lambda-x86', null],
      ['functions', 'aws-lambda-arm', null],
      ['vm', 'aws-ec2', 'm7g.medium'],
      ['vm', 'aws-ec2', 'm7g.large'],
    ]);
  });

  it('with replications gives means with intervals, and the worse end has to hold', async () => {
    const scenario = { platforms: ['vm'], replications: 3 } as const;
    const instances = { sweep: { instances: '6,8' } };
    const { points, replications } = await sweep(tracesOf(), scenario, instances, on(2));
    expect(replications).toBe(3);
    const { mean, halfWidth } = points[0]?.figures.latencyP95Ms ?? { mean: 0, halfWidth: 0 };
    expect(halfWidth).toBeGreaterThan(0);
    const goal = (limit: number) => [`p95Ms<=${limit.toFixed(6)}`];
    const held = async (limit: number) =>
      (await sweep(tracesOf(), scenario, { ...instances, require: goal(limit) }, on(2))).points[0]?.holds;
    expect([await held(mean), await held(mean + (halfWidth ?? 0) + 0.001)]).toEqual([false, true]);
  });
});

describe('threads', () => {
  const scenario: ScenarioInput = { platforms: ['functions', 'vm', 'paas'], instances: 8, replications: 3 };

  it.each([1e6, 1_000])(
    'give the bytes of one thread and of none, in memory up to %s requests',
    async (max) => {
      const traces = tracesOf({ ...WORKLOAD, synthetic: 'poisson:rate=100/s,duration=30s,functions=3' }, max);
      const all = await Promise.all([0, 1, 2].map((replication) => traces.of(replication, {})));
      const redraw = (seed: number) =>
        all[[0, 1, 2].findIndex((at) => replicationSeed(1, at) === seed)] ?? (all[0] as never);
      const alone = JSON.stringify(simulate(all[0] as never, scenario, { version: '1.2.3', redraw }));
      const grid = { sweep: { instances: '7,9', keepAliveS: '1,60' }, require: ['p99Ms<=900'] };
      const grids: string[] = [];
      for (const threads of [1, 2, 3]) {
        expect(JSON.stringify(await simulateOnThreads(traces, scenario, on(threads)))).toBe(alone);
        grids.push(JSON.stringify(await sweep(traces, scenario, grid, on(threads))));
      }
      expect(new Set(grids).size).toBe(1);
    },
  );

  it('share the columns of a trace', async () => {
    const trace = await tracesOf().of(0, {});
    expect((trace as never as { runUs: Float64Array }).runUs.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('hand on what goes wrong, with its code', async () => {
    const long = { ...WORKLOAD, synthetic: 'poisson:rate=1/s,duration=1000s' };
    const tooFine = simulateOnThreads(tracesOf(long), { platforms: ['vm'], seriesS: 0.001 }, on(2));
    await expect(tooFine).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(/seriesS: expected at most 100000 intervals/),
    });
  });

  it('that are lost are an error, and nobody waits for them', async () => {
    process.once('worker', (worker) => void worker.terminate());
    const run = simulateOnThreads(tracesOf(), scenario, on(2));
    await expect(run).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/a thread of the simulation was lost: it ended with code \d/),
    });
  });

  it('that are stopped before anything began leave nothing but an error', async () => {
    const stopped = simulateOnThreads(
      tracesOf(),
      scenario,
      on(2, (run) => run.stop()),
    );
    await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });
  });

  it('that are stopped while a trace is read give what they have', async () => {
    const traces = tracesOf();
    let begun: ParallelRun | null = null;
    const reading = (replication: number) => {
      if (replication === 0) return traces.of(0, {});
      begun?.stop();
      throw new CodedError('interrupted', 'reading was interrupted');
    };
    const onRun = (run: ParallelRun): void => {
      begun = run;
    };
    const result = await simulateOnThreads(
      { of: async (replication) => reading(replication) },
      { platforms: ['vm'], replications: 2 },
      { version: '1', threads: 1, onRun },
    );
    expect([result.complete, result.platforms.map(({ complete }) => complete)]).toEqual([false, [true]]);
  });

  it('that are stopped give what they have, marked as partial', async () => {
    const traces = tracesOf({ ...WORKLOAD, synthetic: 'poisson:rate=1000/s,duration=300000s' });
    const onceBegun = (run: ParallelRun): void => {
      if (run.progress.arrivals > 0) run.stop();
      else setImmediate(() => onceBegun(run));
    };
    const result = await simulateOnThreads(traces, { platforms: ['functions', 'vm'] }, on(1, onceBegun));
    expect(result.complete).toBe(false);
    const [platform] = result.platforms;
    expect(result.platforms).toHaveLength(1);
    expect(platform).toMatchObject({ name: 'functions', complete: false });
    expect(platform?.requests).toBe(result.trace.arrivals);
    expect(platform?.requests).toBeLessThan(1e8);
    expect(platform?.served).toBe(platform?.requests);
    const table = comparisonTable(result);
    expect(table).toContain('\nPARTIAL: stopped before the end; figures are of the requests until then\n');
    expect(table).toMatch(/\n {2}functions: the first [\d,]+ requests, [\d,.]+ s\n/);
  });
});
