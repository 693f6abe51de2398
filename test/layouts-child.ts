/**
 * Replays on the platform that is named, has the engine optimise what runs most in a replay, drops everything, collects
 * garbage, and prints which of that is still optimised. Wants `--allow-natives-syntax --expose-gc`.
 */
import { setImmediate } from 'node:timers/promises';
import { Instances } from '../simulator/platforms/instances.ts';
import type { PlatformName } from '../simulator/platforms/platform.ts';
import { Servers } from '../simulator/platforms/servers.ts';
import { simulate } from '../simulator/run.ts';
import { Tally } from '../simulator/tally.ts';
import { TraceBuilder } from '../simulator/traces/builder.ts';
import { whole } from '../simulator/traces/stored.ts';
import { atOnce } from '../simulator/traces/turns.ts';

const native = (name: string) => new Function('f', `return %${name}(f)`) as (method: unknown) => unknown;
const prepare = native('PrepareFunctionForOptimization');
const optimise = native('OptimizeFunctionOnNextCall');
const isOptimised = native('ActiveTierIsTurbofan');

const METHODS: Readonly<Record<string, unknown>> = {
  'Instances.create': Instances.prototype.create,
  'Instances.advance': Instances.prototype.advance,
  'Servers.startOf': Servers.prototype.startOf,
  'Servers.occupy': Servers.prototype.occupy,
  'Tally.execution': Tally.prototype.execution,
};

const platform = process.argv[2] as PlatformName;
const builder = new TraceBuilder('', '', []);
builder.functionIndex('f');
for (let index = 0; index < 2_000; index++) {
  builder.row.arrivedAtUs = index * 1_000;
  builder.row.runUs = 5_000;
  builder.add();
}
const trace = whole(atOnce(builder.finish()));

for (const step of [prepare, optimise, () => undefined]) {
  simulate(trace, { platforms: [platform] });
  for (const method of Object.values(METHODS)) step(method);
}
const namesOf = () => Object.keys(METHODS).filter((name) => isOptimised(METHODS[name]));
const before = namesOf();
// Nothing of a replay is on the stack any more.
await setImmediate();
for (let count = 0; count < 4; count++) globalThis.gc?.();
process.stdout.write(JSON.stringify({ before, after: namesOf() }));
