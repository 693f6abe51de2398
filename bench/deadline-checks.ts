/**
 * What limits in a guest's code cost: each workload as it was compiled, with deadline checks, with fuel, and with both,
 * in turns, after a warm-up. Run: `node bench/deadline-checks.ts [rounds]`.
 */
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { createMemoryStream, main } from 'assemblyscript/asc';
import type { GuardOptions } from '../host/component/instrument/guards.ts';
import { instrument } from '../host/component/instrument/instrument.ts';
import { createMemory } from '../host/component/instrument/memories.ts';
import { LIMITS_IMPORT, LimitCells } from '../host/component/limit-cells.ts';

const rounds = Number(process.argv[2] ?? 31);
const WARM_UP_ROUNDS = 8;
const PAGES_MAX = 256;
const GROWTH = { growth: true };
/** More than any workload uses. */
const FUEL = 1n << 62n;

const VARIANTS: Readonly<Record<string, GuardOptions | undefined>> = {
  plain: undefined,
  deadline: { ...GROWTH, deadline: true, fuel: false },
  fuel: { ...GROWTH, deadline: false, fuel: true },
  both: { ...GROWTH, deadline: true, fuel: true },
};

const WORKLOADS: readonly { readonly title: string; readonly call: string; readonly argument: number }[] = [
  { title: "burn's fib(30)", call: 'fib', argument: 30 },
  { title: "burn's mandelbrot(400)", call: 'mandelbrot', argument: 400 },
  { title: 'tight loop over memory', call: 'sum', argument: 10_000_000 },
  { title: 'sieve of Eratosthenes', call: 'sieve', argument: 1_000_000 },
  { title: 'Ackermann, all calls', call: 'ackermann', argument: 8 },
  { title: 'calls through a table', call: 'indirect', argument: 3_000_000 },
];

/** Hand-written beside burn's own functions: what checks cost the most. */
const MORE = `
const base = memory.data(1 << 20);
export function sum(n: i32): i64 {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += load<i32>(base + ((i << 2) & 0xfffff));
  return sum;
}
export function sieve(n: i32): i64 {
  memory.fill(base, 0, n);
  let primes = 0;
  for (let i = 2; i < n; i++) {
    if (load<u8>(base + i)) continue;
    primes++;
    for (let j = i * 2; j < n; j += i) store<u8>(base + j, 1);
  }
  return primes;
}
function acker(m: i32, n: i32): i32 {
  if (m == 0) return n + 1;
  if (n == 0) return acker(m - 1, 1);
  return acker(m - 1, acker(m, n - 1));
}
export function ackermann(n: i32): i64 { return acker(3, n); }
const steps: StaticArray<(x: i32) => i32> = [(x) => x * 7 + 1, (x) => x ^ 13, (x) => x - 5];
export function indirect(n: i32): i64 {
  let value = 0;
  for (let i = 0; i < n; i++) value = steps[<u32>value % 3](value + i);
  return value;
}
`;

async function compileWorkloads(): Promise<Uint8Array> {
  const burn = await readFile(new URL('../guests/burn/burn.ts', import.meta.url), 'utf8');
  const own = burn.slice(burn.indexOf('function fib'), burn.indexOf('function alloc'));
  const source = own.replace(/^function (fib|mandelbrot)/gm, 'export function $1') + MORE;
  let core: Uint8Array | undefined;
  const options = ['--runtime', 'stub', '-O3', '--shrinkLevel', '2', '--converge'];
  const { error } = await main(['work.ts', '--outFile', 'work.wasm', '--use', 'abort=', ...options], {
    stderr: createMemoryStream(),
    readFile: (name) => (name === 'work.ts' ? source : null),
    writeFile: (name, contents) => {
      if (name === 'work.wasm') core = Buffer.from(contents);
    },
    listFiles: () => [],
  });
  if (error !== null || core === undefined) throw error ?? new Error('the compiler made nothing');
  return core;
}

type Exports = Readonly<Record<string, (argument: number) => bigint>>;

function instantiate(core: Uint8Array, options: GuardOptions | undefined, cells: LimitCells): Exports {
  if (!options)
    return new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(core))).exports as Exports;
  const rewritten = instrument(core, options);
  if (!rewritten.ok) throw new Error(rewritten.message);
  const own = rewritten.memories.map((memory) => [memory.name, createMemory(memory, PAGES_MAX)] as const);
  const imports = {
    [LIMITS_IMPORT.module]: { [LIMITS_IMPORT.name]: cells.memory, ...Object.fromEntries(own) },
  };
  return new WebAssembly.Instance(new WebAssembly.Module(rewritten.module), imports).exports as Exports;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const core = await compileWorkloads();
const cells = new LimitCells();
cells.fuelLeft = FUEL;
const names = Object.keys(VARIANTS);
const instances = names.map((name) => instantiate(core, VARIANTS[name], cells));
const processor = cpus()[0]?.model ?? 'unknown processor';
const lines = [
  `${processor}, Node ${process.version}, V8 ${process.versions.v8}; medians of ${rounds} rounds after ${WARM_UP_ROUNDS}`,
  `${''.padEnd(26)}${names.map((name) => name.padStart(16)).join('')}`,
];
const ratios: number[][] = names.map(() => []);
for (const { title, call, argument } of WORKLOADS) {
  const timesMs: number[][] = names.map(() => []);
  const results = new Set<bigint>();
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const [index, exports] of instances.entries()) {
      const startedMs = performance.now();
      results.add(exports[call]?.(argument) as bigint);
      if (round >= 0) timesMs[index]?.push(performance.now() - startedMs);
    }
  }
  if (results.size !== 1) throw new Error(`${title}: the variants do not agree`);
  const medians = timesMs.map(median);
  const shown = medians.map((ms, index) => {
    // Of each round's own ratio: rounds differ more than variants do.
    const ratio = median(
      (timesMs[index] ?? []).map((each, round) => each / (timesMs[0]?.[round] ?? Number.NaN)),
    );
    ratios[index]?.push(ratio);
    return `${ms.toFixed(2)} ms ×${ratio.toFixed(2)}`.padStart(16);
  });
  lines.push(`${title.padEnd(26)}${shown.join('')}`);
}
const means = ratios.map((all) =>
  Math.exp(all.reduce((sum, ratio) => sum + Math.log(ratio), 0) / all.length),
);
lines.push(
  `${'geometric mean'.padEnd(26)}${means.map((mean) => `×${mean.toFixed(3)}`.padStart(16)).join('')}`,
);
process.stdout.write(`${lines.join('\n')}\n`);
