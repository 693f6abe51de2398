/**
 * What a small function's requests take alone and beside one that floods the host, on one host in a process of its
 * own: `node bench/fairness.ts [rounds]`. The ways take turns, round by round. The flood comes from a process of its own, so
 * that hello's times are not those of a client that is busy with other answers.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { buildExamples } from '../guests/build.ts';
import { ask } from '../test/host-kit.ts';
import type { LoadResult } from './load.ts';

const ROUNDS = Number(process.argv[2] ?? 5);
const HELLO_PER_ROUND = 200;
/** After a flood the host and its collector are busy for a moment. */
const HELLO_UNCOUNTED = 100;
/** Requests of the flood that are under way at once: those that do not run wait. */
const FLOOD = 256;
const FLOOD_MS = 2_000;
/** How long the flood is under way before hello's times are taken: its client starts, and code is compiled. */
const SETTLE_MS = 600;
const LOAD = join(import.meta.dirname, 'load.ts');
/** The first computes next to nothing: what it does to hello is the doing of so many requests, not of the burner. */
const BURNER_PATHS = ['/f/burner/fib/1', '/f/burner/fib/20', '/f/burner/fib/25', '/f/burner/fib/30'];
/** Executions of the burner at once: as many as there are threads, and one fewer. */
const CONCURRENCIES = [2, 1];
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const folder = await mkdtemp(join(tmpdir(), 'ebb-bench-'));
const script = join(import.meta.dirname, '..', 'test', 'host-child.ts');
const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
const { publicUrl, adminUrl } = JSON.parse(line) as { publicUrl: string; adminUrl: string };

async function put(path: string, type: string, body: Uint8Array | string): Promise<void> {
  const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
  const answer = await ask(adminUrl, path, { method: 'PUT', headers, body });
  if (answer.status > 201) throw new Error(answer.text);
}

const helloAgent = new http.Agent({ keepAlive: true, maxSockets: 1 });

async function helloMs(count: number): Promise<number[]> {
  const elapsedMs: number[] = [];
  for (let index = 0; index < count; index++) {
    const startMs = performance.now();
    const { status } = await ask(publicUrl, '/f/hello', { agent: helloAgent });
    elapsedMs.push(performance.now() - startMs);
    if (status !== 200) throw new Error(`hello was answered with ${status}`);
  }
  return elapsedMs;
}

/** What one flood came to: what hello's requests took meanwhile, and how many of the burner's were answered in a second. */
interface Beside {
  readonly elapsedMs: number[];
  readonly burnedPerS: number;
}

/** Hello's times while the burner always has requests that wait. */
async function beside(path: string): Promise<Beside> {
  const args = [LOAD, `${publicUrl}${path}`, `${FLOOD}`, `${FLOOD_MS}`];
  const flood = promisify(execFile)(process.execPath, args);
  let isOver = false;
  const ended = flood.finally(() => {
    isOver = true;
  });
  await setTimeout(SETTLE_MS);
  const elapsedMs: number[] = [];
  while (!isOver) elapsedMs.push(...(await helloMs(1)));
  const { requests, failures, durationMs } = JSON.parse((await ended).stdout) as LoadResult;
  if (failures > 0) throw new Error(`${failures} of the burner's requests failed`);
  return { elapsedMs, burnedPerS: (requests / durationMs) * 1_000 };
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
};

function report(name: string, elapsedMs: readonly number[], alone: readonly number[]): void {
  const cells = [0.5, 0.99].map((share) => {
    const value = quantile(elapsedMs, share);
    return `${value.toFixed(2).padStart(8)} ms ${(value / quantile(alone, share)).toFixed(1).padStart(5)}x`;
  });
  say(`${name.padEnd(44)}${cells.join('   ')}`);
}

try {
  for (const [name, { component }] of await buildExamples())
    if (name === 'hello' || name === 'burn')
      await put(`/v1/functions/${name === 'burn' ? 'burner' : name}`, 'application/wasm', component);
  await helloMs(500);
  const alone: number[] = [];
  const ways = CONCURRENCIES.flatMap((concurrency) =>
    BURNER_PATHS.map((path) => ({ concurrency, path, all: [] as number[], burned: [] as number[] })),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ways) {
      await helloMs(HELLO_UNCOUNTED);
      alone.push(...(await helloMs(HELLO_PER_ROUND)));
      const settings = JSON.stringify({ concurrency: way.concurrency });
      await put('/v1/functions/burner/settings', 'application/json', settings);
      const { elapsedMs, burnedPerS } = await beside(way.path);
      way.all.push(...elapsedMs);
      way.burned.push(burnedPerS);
    }
  }
  say(`Node ${process.version}, ${cpus()[0]?.model} x ${cpus().length}; ${ROUNDS} rounds, 2 workers`);
  say(`${'hello'.padEnd(44)}     p50              p99`);
  report('alone', alone, alone);
  for (const { concurrency, path, all, burned } of ways)
    report(`beside ${path}, ${concurrency} at once (${quantile(burned, 0.5).toFixed(0)}/s)`, all, alone);
} finally {
  child.kill('SIGTERM');
  await once(child, 'exit');
  helloAgent.destroy();
  await rm(folder, { recursive: true, force: true });
}
