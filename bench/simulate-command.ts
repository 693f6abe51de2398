/**
 * The whole `ebb simulate` command as its users run it: memory and speed over a stream of many requests, a file of Azure's
 * format from the disk to the table, and a sweep on one thread and on two, in turn. Everything is seeded.
 * Run: `node bench/simulate-command.ts [million requests of the stream] [runs]`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { RandomStream } from '../simulator/kernel/random.ts';

const millions = Number(process.argv[2] ?? 100);
const runs = Number(process.argv[3] ?? 5);
const root = join(import.meta.dirname, '..');
/** As many rows as Azure's trace of 2021 has, to as many functions, over two weeks. */
const AZURE = { rows: 1_980_951, functions: 424, spanS: 14 * 86_400 };
const SWEEP = [
  ...['--synthetic', 'poisson:rate=1000/s,duration=1000s', '--service-time', 'exponential:100ms'],
  ...['--platform', 'vm', '--sweep', 'instances=101..124'],
];
/** Tells the process's peak of resident memory when it ends. */
const PEAK = `data:text/javascript,process.on('exit',()=>process.stderr.write('peak '+process.resourceUsage().maxRSS+'\\n'))`;

interface Measured {
  readonly tookS: number;
  readonly peakMb: number;
  /** What the command says of itself, without reading and starting. */
  readonly perSecond: string;
}

async function simulate(...args: readonly string[]): Promise<Measured> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, ['--import', PEAK, 'cli/launch.js', 'simulate', ...args], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [exitCode] = await once(child, 'close');
  if (exitCode !== 0) throw new Error(said);
  const tookS = (performance.now() - startedMs) / 1_000;
  const peakMb = Number(/peak (\d+)/.exec(said)?.[1]) / 1_024;
  return { tookS, peakMb, perSecond: /: ([\d,]+) a second/.exec(said)?.[1] ?? '' };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function writeAzure(path: string): Promise<void> {
  const stream = new RandomStream(1, 'bench');
  const hash = (): string =>
    Array.from({ length: 8 }, () => stream.nextUint32().toString(16).padStart(8, '0')).join('');
  const names = Array.from({ length: AZURE.functions }, () => `${hash()},${hash()}`);
  const out = createWriteStream(path);
  out.write('app,func,end_timestamp,duration\n');
  for (let row = 0; row < AZURE.rows; row++) {
    const durationS = Math.round(stream.exponential(2) * 1_000) / 1_000;
    const startS = Math.max(0, (row / AZURE.rows) * AZURE.spanS + (stream.uniform() - 0.5) * 100);
    const name = names[Math.floor(stream.uniform() ** 3 * AZURE.functions)];
    if (!out.write(`${name},${startS + durationS},${durationS}\n`)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
print(
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}, medians of ${runs} runs`,
);

const stream = ['--synthetic', `poisson:rate=1000/s,duration=${millions * 1_000}s`];
const { tookS, peakMb, perSecond } = await simulate(
  ...stream,
  ...['--service-time', 'exponential:100ms', '--platform', 'functions', '--threads', '1'],
);
print(
  `stream of ${millions} M requests, functions: ${tookS.toFixed(1)} s, ${perSecond} a second, peak ${peakMb.toFixed(0)} MB`,
);

const folder = mkdtempSync(join(tmpdir(), 'ebb-bench-'));
try {
  const path = join(folder, 'azure2021.csv');
  await writeAzure(path);
  const measured: Measured[] = [];
  for (let run = 0; run < runs; run++) measured.push(await simulate(path, '--platform', 'functions'));
  const seconds = measured.map((one) => one.tookS);
  print(
    `azure2021, ${AZURE.rows} rows, file to table: ${median(seconds).toFixed(2)} s (${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)}), peak ${median(measured.map((one) => one.peakMb)).toFixed(0)} MB`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const one: number[] = [];
const two: number[] = [];
for (let run = 0; run < runs; run++) {
  one.push((await simulate(...SWEEP, '--threads', '1')).tookS);
  two.push((await simulate(...SWEEP, '--threads', '2')).tookS);
}
const ratios = one.map((seconds, run) => seconds / (two[run] as number));
print(
  `sweep of 24 points of 1 M requests: 1 thread ${median(one).toFixed(2)} s, 2 threads ${median(two).toFixed(2)} s, ratio ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
);
