/**
 * How many invocations a second the simulator replays on each platform: a seeded synthetic trace, one warm-up, the
 * median of several runs. Run: `node bench/simulator.ts [requests] [runs]`.
 */
import { cpus } from 'node:os';
import { simulate } from '../simulator/run.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { syntheticTrace } from '../simulator/traces/synthetic.ts';

const requests = Number(process.argv[2] ?? 1_000_000);
const runs = Number(process.argv[3] ?? 7);
const SEED = 1;
// 1000 requests a second of 100 ms: about 100 at once, on 125 servers at a load of 0.8.
const trace = syntheticTrace({
  seed: SEED,
  requests,
  meanGapUs: 1_000,
  meanRunUs: 100_000,
  run: 'exponential',
});

const SCENARIOS: readonly { readonly title: string; readonly scenario: ScenarioInput }[] = [
  { title: 'functions, keep-alive 600 s', scenario: { platforms: ['functions'] } },
  { title: 'functions, keep-alive 0', scenario: { platforms: ['functions'], keepAliveS: 0 } },
  { title: 'vm, 125 machines of 1 core', scenario: { platforms: ['vm'], instances: 125 } },
  { title: 'paas, 1 to 100 dynos', scenario: { platforms: ['paas'], maxInstances: 100 } },
];

interface Measured {
  readonly perSecond: number;
  readonly spread: number;
}

function measure(scenario: ScenarioInput): Measured {
  const seconds: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const startedMs = performance.now();
    simulate(trace, scenario);
    const tookS = (performance.now() - startedMs) / 1000;
    // The first run compiles; it is not counted.
    if (run > 0) seconds.push(tookS);
  }
  seconds.sort((a, b) => a - b);
  const median = seconds[seconds.length >> 1] ?? Number.NaN;
  const spread = ((seconds.at(-1) ?? median) - (seconds[0] ?? median)) / median;
  return { perSecond: requests / median, spread };
}

const lines = [
  `${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, ${requests} requests, seed ${SEED}, median of ${runs} runs after one warm-up`,
];
for (const { title, scenario } of SCENARIOS) {
  const { perSecond, spread } = measure(scenario);
  const figure = `${(perSecond / 1e6).toFixed(2)} M/s`.padStart(10);
  lines.push(`${title.padEnd(30)}${figure}   spread ${(spread * 100).toFixed(0)} %`);
}
process.stdout.write(`${lines.join('\n')}\n`);
