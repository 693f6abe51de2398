/**
 * What a fresh instance and one whole call of a guest cost in one thread, by each way of linking:
 * `node bench/instantiate.ts [rounds] [path to a component]`. The ways take turns, round by round, so that a machine
 * that slows down slows them all.
 */
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import { buildExamples } from '../guests/build.ts';
import { LimitCells } from '../host/component/limit-cells.ts';
import type { GuestInstance, LinkedComponent } from '../host/component/link.ts';
import { linkComponent } from '../host/component/link.ts';
import { MemoryPool } from '../host/component/memory-pool.ts';
import { compileModules } from '../host/component/module-cache.ts';
import type { LinkPlan } from '../host/component/plan.ts';
import { executionFor, loadedPlan, portFor } from '../test/linking-harness.ts';
import { adaptedRust } from '../test/rust-guest.ts';

const MEMORY_BYTES_MAX = 128 * 1_048_576;
const WARM_UP_ROUNDS = 2_000;
const [roundsGiven, componentPath] = process.argv.slice(2);
const ROUNDS = Number(roundsGiven ?? 20_000);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

/** Never has a memory to give back, so that each instance gets a new one. */
class NoPool extends MemoryPool {
  override give(): void {}
}

async function linked(
  component: Uint8Array,
  linking: LinkPlan['linking'],
  pool: MemoryPool,
): Promise<LinkedComponent> {
  const loaded = await loadedPlan(component, linking);
  if (loaded.plan.linking !== linking) throw new Error(`expected ${linking}, got ${loaded.plan.linking}`);
  return linkComponent(await compileModules(loaded, MEMORY_BYTES_MAX), { pool, cells: new LimitCells() });
}

const ASK = {
  path: '/path?query=1',
  headers: [
    ['accept', '*/*'],
    ['user-agent', 'bench'],
    ['accept-encoding', 'gzip'],
  ],
} as const;

function once(component: LinkedComponent, isSound: boolean): void {
  const execution = executionFor(ASK, portFor(ASK), () => undefined);
  const instance = component.instantiate(execution);
  instance.handle(execution.request, execution.outparam);
  checkWhole(execution.end());
  instance.memoryBytes();
  instance.release(isSound);
}

/** Its instance is not kept. */
const onceAnew = (component: LinkedComponent): void => once(component, false);
/** Its instance is made as new for the next one, where it can be. */
const onceSoundly = (component: LinkedComponent): void => once(component, true);

/** The same where the guest could be suspended. */
async function onceSuspendably(component: LinkedComponent): Promise<void> {
  const execution = executionFor(ASK, portFor(ASK, true), () => undefined);
  const instance = component.instantiate(execution);
  await instance.handle(execution.request, execution.outparam);
  checkWhole(await execution.end());
  instance.memoryBytes();
  instance.release(true);
}

/** One instance for all calls, as for a function with `reuseRequests`. */
function usedAgain(): (component: LinkedComponent) => void {
  let instance: GuestInstance | undefined;
  return (component) => {
    const execution = executionFor(ASK, portFor(ASK), () => undefined);
    if (instance) instance.resume?.(execution);
    else instance = component.instantiate(execution);
    instance.handle(execution.request, execution.outparam);
    checkWhole(execution.end());
    instance.memoryBytes();
    if (instance.rest?.()) return;
    instance.release();
    instance = undefined;
  };
}

function checkWhole(answered: unknown): void {
  const { tag, failure } = answered as { readonly tag: string; readonly failure?: unknown };
  if (tag !== 'ok' || failure) throw new Error('no whole response');
}

const quantile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;

async function measure(name: string, component: Uint8Array): Promise<void> {
  const ways = [
    ['generated', await linked(component, 'generated', new MemoryPool()), onceSoundly],
    ['direct, new memory', await linked(component, 'direct', new NoPool()), onceAnew],
    ['direct, pooled memory', await linked(component, 'direct', new MemoryPool()), onceAnew],
    ['direct, made as new', await linked(component, 'direct', new MemoryPool()), onceSoundly],
    ['the same, suspendable', await linked(component, 'direct', new MemoryPool()), onceSuspendably],
    ['direct, used again', await linked(component, 'direct', new MemoryPool()), usedAgain()],
  ] as const;
  const elapsedUs = ways.map(() => new Float64Array(ROUNDS));
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const [index, [, way, call]] of ways.entries()) {
      const startMs = performance.now();
      const running = call(way);
      if (running) await running;
      const us = (performance.now() - startMs) * 1_000;
      if (round >= 0) (elapsedUs[index] as Float64Array)[round] = us;
    }
  }
  const medians = elapsedUs.map((values) => quantile(values.sort(), 0.5));
  for (const [index, [way]] of ways.entries()) {
    const values = elapsedUs[index] as Float64Array;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const ratio = (medians[0] as number) / (medians[index] as number);
    const [p50, p99] = [0.5, 0.99].map((share) => quantile(values, share).toFixed(1).padStart(8));
    say(
      `${name.padEnd(8)} ${way.padEnd(22)} p50 ${p50} µs  mean ${mean.toFixed(1).padStart(8)} µs  p99 ${p99} µs  ${ratio.toFixed(1)} ×`,
    );
  }
}

say(
  `${cpus()[0]?.model ?? 'unknown processor'} × ${cpus().length}, Node ${process.version}, ${ROUNDS} rounds each`,
);
if (componentPath) await measure('given', new Uint8Array(await readFile(componentPath)));
else {
  const examples = await buildExamples();
  for (const name of ['hello', 'echo']) {
    await measure(name, (examples.get(name) as { component: Uint8Array }).component);
  }
  await measure('Rust', await adaptedRust());
}
