/**
 * What a small function's requests take alone and beside one that floods the host, on one host in a process of its
 * own: `node bench/fairness.ts [rounds]`. The ways take turns, round by round.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildExamples } from '../guests/build.ts';
import { ask } from '../test/host-kit.ts';

const ROUNDS = Number(process.argv[2] ?? 10);
const HELLO_PER_ROUND = 200;
/** Requests of the flood that are under way at once: those that do not run wait. */
const FLOOD = 256;
const BURNER_PATHS = ['/f/burner/fib/20', '/f/burner/fib/25', '/f/burner/fib/30'];
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

const floodAgent = new http.Agent({ keepAlive: true, maxSockets: FLOOD });
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

/** Hello's times while the burner always has requests that wait. */
async function besideMs(path: string): Promise<{ readonly elapsedMs: number[]; readonly burned: number }> {
  let isOver = false;
  let burned = 0;
  const flood = Array.from({ length: FLOOD }, async () => {
    while (!isOver) {
      await ask(publicUrl, path, { agent: floodAgent });
      burned++;
    }
  });
  // Once one more has been served, the others wait.
  await ask(publicUrl, path, { agent: floodAgent });
  const elapsedMs = await helloMs(HELLO_PER_ROUND);
  isOver = true;
  await Promise.all(flood);
  return { elapsedMs, burned };
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
    BURNER_PATHS.map((path) => ({ concurrency, path, all: [] as number[], burned: 0 })),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ways) {
      alone.push(...(await helloMs(HELLO_PER_ROUND)));
      const settings = JSON.stringify({ concurrency: way.concurrency });
      await put('/v1/functions/burner/settings', 'application/json', settings);
      const { elapsedMs, burned } = await besideMs(way.path);
      way.all.push(...elapsedMs);
      way.burned += burned;
    }
  }
  say(`Node ${process.version}, ${cpus()[0]?.model} x ${cpus().length}; ${ROUNDS} rounds, 2 workers`);
  say(`${'hello'.padEnd(44)}     p50              p99`);
  report('alone', alone, alone);
  for (const { concurrency, path, all, burned } of ways)
    report(`beside ${path}, ${concurrency} at once (${burned})`, all, alone);
} finally {
  child.kill('SIGTERM');
  await once(child, 'exit');
  floodAgent.destroy();
  helloAgent.destroy();
  await rm(folder, { recursive: true, force: true });
}
