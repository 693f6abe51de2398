/**
 * What a host with many functions that nobody calls takes: `npm run bench:idle [-- FUNCTIONS [COMPONENTS]]`. Deploys them
 * over HTTP to the packaged program in a process of its own, calls some, lets it rest, and starts it again. By default
 * 10,000 functions, each with a component of its own; the second number lets functions share components.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import http from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildExamples } from '../guests/build.ts';
import { ask } from '../test/host-kit.ts';

const FUNCTIONS = Number(process.argv[2] ?? 10_000);
const COMPONENTS = Number(process.argv[3] ?? FUNCTIONS);
const DEPLOYS_AT_ONCE = 8;
const CALLED = 500;
const REST_MS = 20_000;
const [PORT, ADMIN_PORT] = [18_470, 18_471];
const PUBLIC_URL = `http://127.0.0.1:${PORT}`;
const ADMIN_URL = `http://127.0.0.1:${ADMIN_PORT}`;

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'ebb-idle-'));
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const agent = new http.Agent({ keepAlive: true, maxSockets: DEPLOYS_AT_ONCE });

/** The program as the package has it: from sources it would hold a compiler as well. */
function installed(): string {
  execFileSync(process.execPath, [join(root, 'build.ts')], { stdio: 'inherit' });
  const program = join(folder, 'package');
  cpSync(join(root, 'cli', 'launch.js'), join(program, 'cli', 'launch.js'), { recursive: true });
  cpSync(join(root, 'package.json'), join(program, 'package.json'));
  cpSync(join(root, 'dist'), join(program, 'dist'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(program, 'node_modules'));
  return join(program, 'cli', 'launch.js');
}

async function started(launcher: string): Promise<ChildProcess> {
  const ports = ['--port', `${PORT}`, '--admin-port', `${ADMIN_PORT}`];
  const args = [launcher, 'serve', ...ports, '--data-dir', join(folder, 'data')];
  const startMs = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  for (;;) {
    const answer = await ask(ADMIN_URL, '/healthz').catch(() => undefined);
    if (answer?.status === 200) break;
    await sleep(20);
  }
  say(`ready after ${(performance.now() - startMs).toFixed(0)} ms`);
  return child;
}

async function stopped(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** The memory that the system holds for the process now, and has held at most. */
function report(child: ChildProcess, when: string): void {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const mb = (name: string) =>
    (Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024).toFixed(0);
  say(`${when.padEnd(40)} ${mb('VmRSS').padStart(5)} MB (at most so far ${mb('VmHWM')} MB)`);
}

/** The same component with another number in a custom section: another version. */
function variant(component: Uint8Array, number: number): Uint8Array {
  const text = Buffer.from(`n${number.toString().padStart(8, '0')}`);
  return Buffer.concat([component, Uint8Array.of(0, text.length + 1, text.length), text]);
}

const nameOf = (index: number): string => `idle-${index}`;

async function deployAll(component: Uint8Array): Promise<void> {
  const startMs = performance.now();
  const tookMs: number[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < FUNCTIONS) {
      const index = next++;
      const body = variant(component, index % COMPONENTS);
      const headers = { 'content-type': 'application/wasm', 'content-length': body.length };
      const beganMs = performance.now();
      const answer = await ask(ADMIN_URL, `/v1/functions/${nameOf(index)}`, {
        method: 'PUT',
        headers,
        body,
        agent,
      });
      tookMs.push(performance.now() - beganMs);
      if (answer.status !== 201) throw new Error(answer.text);
    }
  };
  await Promise.all(Array.from({ length: DEPLOYS_AT_ONCE }, lane));
  const seconds = (performance.now() - startMs) / 1_000;
  const median = tookMs.sort((a, b) => a - b)[Math.floor(tookMs.length / 2)] as number;
  say(
    `${FUNCTIONS} deploys of ${COMPONENTS} components in ${seconds.toFixed(0)} s, ${DEPLOYS_AT_ONCE} at once, median ${median.toFixed(0)} ms`,
  );
}

async function callSome(): Promise<void> {
  const tookMs: number[] = [];
  for (let index = 0; index < CALLED; index++) {
    const beganMs = performance.now();
    const name = nameOf(Math.floor((index * FUNCTIONS) / CALLED));
    const answer = await ask(PUBLIC_URL, `/f/${name}/`, { agent });
    tookMs.push(performance.now() - beganMs);
    if (answer.status !== 200) throw new Error(answer.text);
  }
  tookMs.sort((a, b) => a - b);
  const [p50, p99] = [0.5, 0.99].map((share) => tookMs[Math.floor(CALLED * share)]?.toFixed(1));
  say(`${CALLED} functions called from zero, one after the other: p50 ${p50} ms, p99 ${p99} ms`);
}

say(`${cpus()[0]?.model} × ${cpus().length}, Node ${process.versions.node}`);
const launcher = installed();
const { component } = (await buildExamples()).get('hello') as { component: Uint8Array };
let child = await started(launcher);
try {
  report(child, 'without functions');
  await deployAll(component);
  report(child, 'after the deploys');
  await sleep(REST_MS);
  report(child, `after ${REST_MS / 1_000} s of rest`);
  await callSome();
  report(child, 'after the calls');
  await sleep(REST_MS);
  report(child, `after calls and ${REST_MS / 1_000} s of rest`);
  await stopped(child);
  child = await started(launcher);
  report(child, 'started again');
  await callSome();
  await sleep(REST_MS);
  report(child, `after calls and ${REST_MS / 1_000} s of rest`);
  await stopped(child);
} finally {
  child.kill('SIGKILL');
  agent.destroy();
  rmSync(folder, { recursive: true, force: true });
}
