/** How `ebb simulate` runs: sweeps from flags and files, threads, progress, and Ctrl-C in a real process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { preparationText, progressText } from '../cli/commands/run-progress.ts';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'ebb-cli-run-'));
afterAll(() => rmSync(folder, { recursive: true }));

const start = (args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess =>
  spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });

const ebb = (...args: string[]) => ebbIn(tmpdir(), ...args);

/** @param temporary the folder of temporary files. */
async function ebbIn(temporary: string, ...args: string[]) {
  const child = start(['cli/launch.js', ...args], { ...process.env, TMPDIR: temporary });
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const [stdout, stderr] = await Promise.all([text(child.stdout as never), text(child.stderr as never)]);
  const [exitCode] = await ended;
  return { exitCode, stdout, stderr, json: () => JSON.parse(stdout) };
}

/** Progress of which time is left: some requests have been replayed. */
const UNDER_WAY = /^simulating: \d+ %, (0 of \d+ replays, )?[\d,]+ requests\/s, [\d.]+ \w+ left$/;

/** Runs a command and sends a signal as soon as its progress says that it is under way. */
async function interrupted(...args: string[]) {
  const child = start(['cli/launch.js', ...args, '--progress']);
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const output = text(child.stdout as never);
  const words: string[] = [];
  for await (const line of createInterface({ input: child.stderr as never })) {
    words.push(line);
    if (UNDER_WAY.test(line) && !child.killed) child.kill('SIGINT');
  }
  const [exitCode, signal] = await ended;
  const stdout = await output;
  return { exitCode, signal, stdout, words, json: () => JSON.parse(stdout) };
}

const SHORT = [
  'simulate',
  '--synthetic',
  'poisson:rate=50/s,duration=60s',
  '--service-time',
  'exponential:100ms',
];
/** Hours of work. */
const LONG = [
  ...['simulate', '--synthetic', 'poisson:rate=1000/s,duration=1000000s', '--service-time', 'constant:100ms'],
];

describe('a sweep on the command line', () => {
  it('is the same from flags and from a file, flags coming first', async () => {
    const flags = ['--platform', 'vm', '--queue-limit', '9', '--seed', '3', '--sweep', 'instances=5..8'];
    const fromFlags = await ebb(...SHORT, ...flags, '--require', 'p95Ms<=400', '--json', '--threads', '1');
    expect(fromFlags).toMatchObject({ exitCode: 0 });
    expect(fromFlags.json()).toMatchObject({ complete: true, pointsPlanned: 4, seed: 3 });
    const file = join(folder, 'scenario.json');
    const known = { platforms: ['paas'], queueLimit: 9, seed: 3, sweep: { instances: [5, 6, 7, 8] } };
    writeFileSync(file, JSON.stringify({ ...known, require: ['p95Ms<=400'] }));
    const fromFile = await ebb(...SHORT, '--scenario', file, '--platform', 'vm', '--json', '--threads', '2');
    expect(fromFile.stdout).toBe(fromFlags.stdout);
  });

  it('takes options by their flags, and prints a row for each point', async () => {
    const grid = ['--sweep', 'keep-alive-s=1,60', '--sweep', 'pick=newest,lru'];
    const { stdout, stderr } = await ebb(...SHORT, '--platform', 'functions', ...grid);
    const rows = stdout.split('\n').filter((line) => line.startsWith('functions '));
    expect(rows.map((row) => row.split(/ +/).slice(1, 3))).toEqual([
      ['1', 'newest'],
      ['1', 'lru'],
      ['60', 'newest'],
      ['60', 'lru'],
    ]);
    expect(stderr).toMatch(/^replayed [\d,]+ requests in \d+\.\d\d s: [\d,]+ a second\n$/);
  });

  it.each([
    [['--sweep', 'instances'], /Expected an option and its values such as instances=1\.\.16/],
    [['--sweep', 'cores=1,2', '--sweep', 'cores=3'], /Expected cores to be swept once/],
    [['--sweep', 'machines=1..4'], /sweep: no option "machines" to sweep.*\(config-invalid\)/],
    [['--threads', '0'], /whole number from 1 to 256/],
    [
      ['--scenario', 'no-such.json'],
      /expected a scenario at no-such\.json, but there is none \(file-unreadable\)/,
    ],
    [['--scenario', 'README.md'], /README\.md: expected a scenario in JSON, but Unexpected token/],
    [['--scenario', 'package.json'], /no option "name".*\(config-invalid\)/],
  ])('is refused: %j', async (args, message) => {
    const { exitCode, stderr } = await ebb(...SHORT, ...args);
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe('a trace that is too long for memory', () => {
  const long = [
    ...['simulate', '--synthetic', 'poisson:rate=50000/s,duration=86s,functions=1000'],
    ...['--service-time', 'constant:1ms', '--transform', 'filter=function=f0001', '--platform', 'functions'],
  ];

  it('goes through temporary files, of which nothing is left', async () => {
    const temporary = mkdtempSync(join(folder, 'temporary-'));
    const result = await ebbIn(temporary, ...long, '--json');
    expect(result.exitCode).toBe(0);
    expect(result.json().trace.transformed).toEqual([
      expect.stringMatching(/^filter=function=f0001: 4[23]\d{5} requests became 4\d{3}$/),
    ]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('is refused where they cannot be', async () => {
    const { exitCode, stderr } = await ebbIn(join(folder, 'none'), ...long);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/expected room for temporary files in .*none \(TMPDIR .*\(file-unwritable\)/);
  });
});

describe('progress', () => {
  it('says how far, how fast and how long', () => {
    const progress = { arrivals: 2_500_000, arrivalsTotal: 1e7, tasks: 0, tasksTotal: 1 };
    expect(progressText(progress, 2)).toBe('simulating: 25 %, 1,250,000 requests/s, 6 s left');
    expect(progressText({ ...progress, tasks: 3, tasksTotal: 12 }, 2_000)).toBe(
      'simulating: 25 %, 3 of 12 replays, 1,250 requests/s, 1.7 h left',
    );
    expect(progressText({ ...progress, arrivals: 0 }, 2)).toBe('simulating: 0 %, 0 requests/s');
    expect(preparationText('sorting', 0.25, 2)).toBe('sorting: 25 %, 6 s left');
    expect(preparationText('reading x.csv', 0, 2)).toBe('reading x.csv: 0 %');
    expect(preparationText('sorting', 0.01, 0)).toBe('sorting: 1 %');
  });
});

describe('Ctrl-C', () => {
  it('ends a simulation with what is done so far, marked as partial', async () => {
    const { exitCode, words, json } = await interrupted(...LONG, '--platform', 'functions,vm', '--json');
    expect(exitCode).toBe(130);
    expect(words[0]).toMatch(/^simulating: \d+ %, 0 of 2 replays, [\d,]+ requests\/s/);
    expect(words.at(-1)).toMatch(/^replayed [\d,]+ requests in/);
    const result = json();
    expect(result.complete).toBe(false);
    // The thread of one may have begun when that of the other has not.
    const begun = result.platforms.filter(({ requests }: { requests: number }) => requests > 0);
    expect(begun.length).toBeGreaterThan(0);
    for (const platform of begun) {
      expect(platform.complete).toBe(false);
      expect(platform.simulatedS).toBeLessThan(1e6);
      expect(platform.simulatedS).toBeGreaterThan(platform.requests / 2_000);
    }
  });

  it('says so in text as well', async () => {
    const { exitCode, stdout } = await interrupted(...LONG, '--platform', 'vm', '--instances', '120');
    expect(exitCode).toBe(130);
    expect(stdout).toMatch(/\nPARTIAL: stopped before the end; .*\n {2}vm: the first [\d,]+ requests, /);
  });

  it('ends a sweep with the points that are done, or with an error where there are none', async () => {
    const { exitCode, stdout, words } = await interrupted(
      ...LONG,
      '--platform',
      'vm',
      '--sweep',
      'instances=101..104',
    );
    expect([exitCode, stdout]).toEqual([130, '']);
    expect(words.at(-1)).toMatch(/interrupted before there was a result \(interrupted\)/);
  });

  it('a second time ends at once', async () => {
    // The command would be over before a second signal could come, so what it uses is watched alone.
    const child = start([
      '--input-type=module',
      '--eval',
      `import { Interrupt } from './cli/interrupt.ts';
       const { signal } = new Interrupt();
       signal.addEventListener('abort', () => console.log('stopping'));
       setInterval(() => {}, 1e6);
       console.log('ready');`,
    ]);
    const ended = once(child, 'close');
    const heard: string[] = [];
    for await (const line of createInterface({ input: child.stdout as never })) {
      heard.push(line);
      child.kill('SIGINT');
    }
    expect([heard, await ended]).toEqual([
      ['ready', 'stopping'],
      [null, 'SIGINT'],
    ]);
  });
});
