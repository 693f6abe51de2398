/**
 * How many requests a second the simulator replays on each platform, and SimFaaS's example against an independent run:
 * seeded synthetic traces, one warm-up, the median of several runs. It is a thread's processor time that counts, which
 * other programs disturb less than the time that passes; a plain loop beside it tells how fast the machine was. The engine
 * compiles as `ebb simulate` has it compile.
 * Run: `node bench/simulator.ts [requests] [runs] [runs of SimFaaS's example]`.
 */
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import { compileForReplays } from '../cli/engine-flags.ts';
import { type Interval, meanInterval } from '../simulator/kernel/interval.ts';
import { RandomStream, replicationSeed } from '../simulator/kernel/random.ts';
import type { SimulationResult } from '../simulator/result.ts';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { TraceBuilder } from '../simulator/traces/builder.ts';
import { whole } from '../simulator/traces/stored.ts';
import type { Trace } from '../simulator/traces/trace.ts';
import { atOnce } from '../simulator/traces/turns.ts';

const requests = Number(process.argv[2] ?? 1_000_000);
const runs = Number(process.argv[3] ?? 7);
const simFaasRuns = Number(process.argv[4] ?? 40);
const SEED = 1;
const S = 1_000_000;

interface Load {
  readonly functions: number;
  readonly meanGapUs: number;
  readonly meanRunUs: number;
}

/** Poisson arrivals spread evenly over the functions, exponential service times. */
function poisson({ functions, meanGapUs, meanRunUs }: Load): Trace {
  const gaps = new RandomStream(SEED, 'arrivals');
  const times = new RandomStream(SEED, 'service times');
  const which = new RandomStream(SEED, 'functions');
  const builder = new TraceBuilder('synthetic', 'synthetic', []);
  const { row } = builder;
  const indexes = Array.from({ length: functions }, (_, at) => builder.functionIndex(`function ${at}`));
  let nowUs = 0;
  for (let request = 0; request < requests; request++) {
    nowUs += gaps.exponential(meanGapUs);
    row.arrivedAtUs = Math.round(nowUs);
    row.runUs = Math.round(times.exponential(meanRunUs));
    row.functionIndex = indexes[Math.floor(which.uniform() * functions)] as number;
    builder.add();
  }
  return whole(atOnce(builder.finish()));
}

// 1000 requests a second of 100 ms: about 100 at once, on 125 servers at a load of 0.8.
const one = poisson({ functions: 1, meanGapUs: 1_000, meanRunUs: 100_000 });
const many = poisson({ functions: 400, meanGapUs: 1_000, meanRunUs: 100_000 });

const SCENARIOS: readonly (readonly [title: string, trace: Trace, scenario: ScenarioInput])[] = [
  ['functions, 1 function, keep-alive 600 s', one, { platforms: ['functions'] }],
  ['functions, 1 function, keep-alive 0', one, { platforms: ['functions'], keepAliveS: 0 }],
  ['functions, 400 functions, keep-alive 600 s', many, { platforms: ['functions'] }],
  ['functions, 400 functions, survival curve', many, { platforms: ['functions'], keepAlive: 'aws-2025' }],
  ['functions, 400 functions, hybrid histogram', many, { platforms: ['functions'], keepAlive: 'hybrid' }],
  [
    'functions, 400 functions, greedy-dual, 64 GB',
    many,
    { platforms: ['functions'], keepAlive: 'greedy-dual', memoryCapMb: 65_536 },
  ],
  ['vm, 125 machines of 1 core', one, { platforms: ['vm'], instances: 125 }],
  ['vm, 32 machines of 4 cores, shared', one, { platforms: ['vm'], instances: 32, cores: 4, sharing: 'ps' }],
  ['vm-group, up to 200 machines', one, { platforms: ['vm-group'], cores: 1, maxInstances: 200 }],
  ['paas, 1 to 100 dynos', one, { platforms: ['paas'], maxInstances: 100 }],
  ['paas, by p95, at random', one, { platforms: ['paas'], instances: 80, routing: 'random' }],
  ['containers, 80 at once on 4 vCPUs', one, { platforms: ['containers'], concurrency: 80, cores: 4 }],
  ['ebb, 32 machines of 4 workers', one, { platforms: ['ebb'], instances: 32, cores: 4 }],
];

function cpuS(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1e6;
}

/** Additions of doubles into an array, each in a place that the one before decides. */
function plainLoop(): void {
  const sums = new Float64Array(4096);
  let place = 1;
  for (let step = 0; step < 60_000_000; step++) {
    place = (Math.imul(place, 1_664_525) + 1_013_904_223) | 0;
    sums[place & 4095] = (sums[place & 4095] as number) + 1;
  }
}

function measure(trace: Trace, scenario: ScenarioInput): { perSecond: number; spread: number } {
  const seconds: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const tookS = cpuS(() => simulate(trace, scenario));
    // The first run compiles; it is not counted.
    if (run > 0) seconds.push(tookS);
  }
  seconds.sort((a, b) => a - b);
  const median = seconds[seconds.length >> 1] ?? Number.NaN;
  const spread = ((seconds.at(-1) ?? median) - (seconds[0] ?? median)) / median;
  return { perSecond: requests / median, spread };
}

/** λ 0.9/s, warm 1.991 s, cold 2.244 s, both exponential, keep-alive 600 s, newest idle first, at most 1000. */
function simFaas(seed: number, seconds: number) {
  const gaps = new RandomStream(seed, 'arrivals');
  const warm = new RandomStream(seed, 'service times');
  const more = new RandomStream(seed, 'cold starts');
  const share = 1 - 1.991 / 2.244;
  const builder = new TraceBuilder('simfaas', 'synthetic', ['startupUs']);
  const { row } = builder;
  row.functionIndex = builder.functionIndex('f');
  for (let nowS = gaps.exponential(1 / 0.9); nowS < seconds; nowS += gaps.exponential(1 / 0.9)) {
    row.arrivedAtUs = Math.round(nowS * S);
    row.runUs = Math.round(warm.exponential(1.991) * S);
    // Exponential of mean 1.991 and, in that share of cases, of mean 2.244 more: together exponential of mean 2.244.
    row.startupUs = more.uniform() < share ? Math.round(more.exponential(2.244) * S) : 0;
    builder.add();
  }
  const scenario = { platforms: ['functions'], seriesS: seconds / 1_000 } as const;
  const trace = whole(atOnce(builder.finish()));
  let replayed: SimulationResult | undefined;
  const perSecond =
    trace.count /
    cpuS(() => {
      replayed = simulate(trace, scenario);
    });
  const result = replayed?.platforms[0];
  // The first twentieth warms up.
  const sumOf = (values: readonly number[] = []): number =>
    values.slice(50, 1_000).reduce((sum, value) => sum + value, 0);
  const meanOf = (values: readonly number[] = []): number => sumOf(values) / 950;
  const servers = meanOf(result?.series?.instances);
  const running = meanOf(result?.series?.concurrency);
  const cold = sumOf(result?.series?.coldStarts) / sumOf(result?.series?.arrivals);
  const lifeS = (result?.aliveSeconds ?? 0) / (result?.coldStarts ?? 0);
  return { cold, servers, running, idle: servers - running, lifeS, perSecond };
}

compileForReplays();

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const memoryGb = Math.round(totalmem() / 2 ** 30);
print(
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${memoryGb} GB, ${platform()} ${arch()}`,
);
print(
  `Node ${process.version}, ${requests} requests, seed ${SEED}, median of ${runs} runs after one warm-up`,
);
cpuS(plainLoop);
const loopS = Array.from({ length: 5 }, () => cpuS(plainLoop)).sort((a, b) => a - b);
print(
  `load ${loadavg()[0]?.toFixed(1)}, a plain loop of 60 M steps takes ${((loopS[2] ?? 0) * 1_000).toFixed(0)} ms`,
);
for (const [title, trace, scenario] of SCENARIOS) {
  const { perSecond, spread } = measure(trace, scenario);
  const figure = `${(perSecond / 1e6).toFixed(2)} M/s`.padStart(10);
  print(`${title.padEnd(46)}${figure}   spread ${(spread * 100).toFixed(0)} %`);
}

// An independent run of 40 × 10^6 s, with its own 95 % intervals.
const SIMFAAS = [
  ['cold', 0.001338, 0.00001],
  ['servers', 7.695, 0.008],
  ['running', 1.7922, 0.0007],
  ['idle', 5.903, 0.008],
  ['lifeS', 6410, 42],
] as const;

if (simFaasRuns > 0) {
  const startedMs = performance.now();
  const results = Array.from({ length: simFaasRuns }, (_, run) => simFaas(replicationSeed(SEED, run), 1e6));
  const tookS = (performance.now() - startedMs) / 1000;
  const speeds = results.map(({ perSecond }) => perSecond).sort((a, b) => a - b);
  const speed = ((speeds[speeds.length >> 1] ?? 0) / 1e6).toFixed(2);
  print(
    `SimFaaS's example, ${simFaasRuns} × 10^6 s in ${tookS.toFixed(1)} s, replayed at ${speed} M/s (median):`,
  );
  for (const [name, exact, error] of SIMFAAS) {
    const { mean, halfWidth }: Interval = meanInterval(results.map((result) => result[name]));
    print(
      `  ${name.padEnd(8)} ${mean.toFixed(6)} ± ${(halfWidth ?? 0).toFixed(6)}   expected ${exact} ± ${error}`,
    );
  }
}
