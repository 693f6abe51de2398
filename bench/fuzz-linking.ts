/**
 * A long fuzz of direct linking: `node bench/fuzz-linking.ts [mutants] [calls] [seed]`. Ends with exit code 1 and the
 * input's number at the first outcome that Ebb does not foresee.
 */
import { performance } from 'node:perf_hooks';
import { buildExamples } from '../guests/build.ts';
import { CallFuzzer, mutated, planOutcome, seeded } from '../test/linking-fuzz.ts';

const [mutants = 100_000, calls = 2_000_000, seed = 1] = process.argv.slice(2).map(Number);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

async function fuzzPlans(): Promise<void> {
  const components = [...(await buildExamples()).values()].map(({ component }) => component);
  const random = seeded(seed);
  const outcomes = { proven: 0, planned: 0, unfit: 0, refused: 0 };
  let slowestMs = 0;
  const startMs = performance.now();
  for (let count = 0; count < mutants; count++) {
    const bytes = mutated(components[count % components.length] as Uint8Array, random);
    const beganMs = performance.now();
    try {
      outcomes[planOutcome(bytes)]++;
    } catch (thrown) {
      throw new Error(`mutant ${count} of seed ${seed}`, { cause: thrown });
    }
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
  }
  const elapsedS = ((performance.now() - startMs) / 1_000).toFixed(1);
  say(`${mutants} mutants in ${elapsedS} s, slowest ${slowestMs.toFixed(1)} ms: ${JSON.stringify(outcomes)}`);
}

function fuzzCalls(): void {
  const fuzzer = new CallFuzzer(seed);
  const outcomes = { value: 0, trap: 0 };
  const startMs = performance.now();
  fuzzer.restart();
  for (let count = 0; count < calls; count++) outcomes[fuzzer.step()]++;
  const elapsedS = ((performance.now() - startMs) / 1_000).toFixed(1);
  say(`${calls} calls of ${fuzzer.functionCount} functions in ${elapsedS} s: ${JSON.stringify(outcomes)}`);
}

await fuzzPlans();
fuzzCalls();
