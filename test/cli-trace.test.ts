/** `ebb trace info`, and the options of traces that `ebb simulate` shares with it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ebb } from './cli-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'ebb-cli-trace-'));
afterAll(() => rmSync(folder, { recursive: true }));
const fixture = (name: string): string => new URL(`./traces/${name}`, import.meta.url).pathname;

const SPIKE = ['--synthetic', 'spike:rate=2/s,peak=50/s,at=60s,for=30s,duration=5m,functions=api:7+batch:3'];
const SERVICE = ['--service-time', 'exponential:50ms'];

describe('ebb trace info', () => {
  it('takes a workload of any length, and ends at Ctrl-C', async () => {
    const endless = ['--synthetic', 'poisson:rate=1000/s,duration=300000s', ...SERVICE];
    const before = process.listenerCount('SIGINT');
    const interruptOnceHeard = (): void => {
      if (process.listenerCount('SIGINT') > before) process.emit('SIGINT');
      else setImmediate(interruptOnceHeard);
    };
    interruptOnceHeard();
    const { exitCode, stdout, stderr } = await ebb('trace', 'info', ...endless);
    expect([exitCode, stdout]).toEqual([130, '']);
    expect(stderr).toMatch(/describing was interrupted \(interrupted\)/);
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  it('describes a workload with its shape, in at most 100 columns', async () => {
    const { exitCode, stdout } = await ebb('trace', 'info', ...SPIKE, ...SERVICE, '--columns', '100');
    expect(exitCode).toBe(0);
    for (const word of [
      'requests',
      'span',
      'per second',
      'per minute',
      'gaps (ms)',
      'at once',
      'duration (ms)',
    ]) {
      expect(stdout).toMatch(new RegExp(`^${word.replace(/[()]/g, '\\$&')} `, 'm'));
    }
    expect(stdout).toContain('index of dispersion');
    expect(stdout).toMatch(/^ {2}api +[\d,]+ +\d+(\.\d)? % /m);
    expect(stdout).toContain('made up: runUs by exponential(50ms), seed 1 (all requests)');
    const drawing = stdout.split('\n').filter((line) => /[▁▂▃▄▅▆▇█]/.test(line));
    expect(drawing).toHaveLength(6);
    for (const line of drawing) expect([...line].length).toBeLessThanOrEqual(100);
  });

  it('shows names that a terminal can show, what is left after ten of them, and rates that are nearly nothing', async () => {
    const path = join(folder, 'names.csv');
    const names = ['\u001b[31mred', 'x'.repeat(300), '', ...Array.from({ length: 12 }, (_, at) => `f${at}`)];
    // A request every 40 days.
    writeFileSync(path, ['t,d,f', ...names.map((name, at) => `${at * 3_456_000},1,${name}`)].join('\n'));
    const columns = ['--csv-time', 't', '--csv-duration', 'd', '--csv-function', 'f'];
    const { stdout } = await ebb('trace', 'info', path, ...columns);
    expect(stdout).toContain('  \u{fffd}[31mred  ');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/^ {2}x{59}… {2}/m);
    expect(stdout).toMatch(/^ {2}"" /m);
    expect(stdout).toMatch(/^ {2}5 more +5 +33\.3 %$/m);
    expect(stdout).toMatch(/^per second +mean 0\.00000031, peak 1/m);
    expect(stdout).not.toMatch(/up to 0 requests/);
    writeFileSync(path, 't,d,f\n5,1,a\n');
    expect((await ebb('trace', 'info', path, ...columns)).stdout).not.toContain('gaps');
  });

  it('gives the same as JSON, and the same bytes each time', async () => {
    const first = await ebb('trace', 'info', ...SPIKE, ...SERVICE, '--json');
    const info = first.json();
    expect(info).toMatchObject({ format: 'synthetic', functions: 2, skippedBad: 0, transformed: [] });
    expect(info.shape.counts).toHaveLength(80);
    expect((await ebb('trace', 'info', ...SPIKE, ...SERVICE, '--json')).stdout).toBe(first.stdout);
    const other = await ebb('trace', 'info', ...SPIKE, ...SERVICE, '--json', '--seed', '2');
    expect(other.json().requests).not.toBe(info.requests);
  });

  it('finds the format and the files beside it', async () => {
    const info = (
      await ebb('trace', 'info', fixture('invocations_per_function_md.anon.d01.csv'), '--json')
    ).json();
    expect(info).toMatchObject({ format: 'azure2019', requests: 4_525, functions: 4 });
    expect(info.memoryPeakMb.max).toBeLessThanOrEqual(info.memoryLimitMb.max);
  });

  it('says what it left out', async () => {
    const path = join(folder, 'bad.csv');
    writeFileSync(path, 't,d\n0,1\nx,1\n2,1\n');
    const { stdout } = await ebb(
      'trace',
      'info',
      path,
      '--csv-time',
      't',
      '--csv-duration',
      'd',
      '--max-bad-rows',
      '1',
    );
    expect(stdout).toContain('left out: 1 bad rows, for example\n  ');
    expect(stdout).toContain('line 3, column t');
  });

  it('names what is missing or wrong by its flag', async () => {
    const log = fixture('apache_combined_head.log');
    const cases: readonly [args: string[], message: string][] = [
      [[log], '--service-time fills them'],
      [[], '--synthetic: expected either it or the file of a trace, got neither'],
      [[log, ...SPIKE], 'got both'],
      [[log, '--service-time', 'constant:1'], '--service-time "constant:1": expected a mean with a unit'],
      [[log, ...SERVICE, '--transform', 'scal=2'], '--transform "scal=2": expected one of'],
      [
        [log, ...SERVICE, '--spread', 'even'],
        '--spread is for the format azure2019, huawei2023 or counts alone',
      ],
      [['--synthetic', 'poisson:rate=1', ...SERVICE], '--synthetic "poisson:rate=1": expected'],
      [[log, '--trace-memory-mb', '0'], 'Expected a whole number from 1'],
      [[log, '--columns', '101'], 'Expected a whole number from 1 to 100'],
    ];
    for (const [args, message] of cases) {
      const { exitCode, stderr, stdout } = await ebb('trace', 'info', ...args);
      expect([exitCode, stdout], message).toEqual([2, '']);
      expect(stderr).toContain(message);
    }
    const bad = join(folder, 'two.csv');
    writeFileSync(bad, 't,d\nx,1\ny,1\n');
    const { stderr } = await ebb(
      'trace',
      'info',
      bad,
      '--csv-time',
      't',
      '--csv-duration',
      'd',
      '--max-bad-rows',
      '1',
    );
    expect(stderr).toContain('it is bad row 2, and --max-bad-rows allows 1');
  });
});

describe('ebb simulate', () => {
  it('takes the same options, and says in its result what was made up and changed', async () => {
    const args = [...SPIKE, ...SERVICE, '--transform', 'filter=function=api', '--transform', 'compress=2'];
    const result = (await ebb('simulate', ...args, '--platform', 'functions', '--json')).json();
    const info = (await ebb('trace', 'info', ...args, '--json')).json();
    expect(result.trace.arrivals).toBe(info.requests);
    expect(result.trace.filled).toEqual(info.filled);
    expect(result.trace.transformed).toEqual(info.transformed);
    expect(result.platforms[0].functions.map(({ name }: { name: string }) => name)).toEqual(['api']);
    const { stdout } = await ebb('simulate', ...args, '--platform', 'functions');
    expect(stdout).toContain('\nmade up: runUs by exponential(50ms), seed 1 (all requests)\ntransformed: ');
  });

  it('bills what the observed memory of a trace says where a provider bills that', async () => {
    const file = fixture('invocations_per_function_md.anon.d01.csv');
    const result = (await ebb('simulate', file, '--platform', 'functions', '--json')).json();
    expect(result.platforms[0]).toMatchObject({ requests: 4_525, served: 4_525 });
  });
});
