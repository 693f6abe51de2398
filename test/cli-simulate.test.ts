/** What `ebb simulate` prints and refuses, from its flags and real traces. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ebb } from './cli-kit.ts';

const root = join(import.meta.dirname, '..');
const samples = join(root, 'simulator', 'traces', 'samples');

describe('ebb simulate', () => {
  const llm = join(samples, 'azure_llm2023_code.csv');
  const llmOptions = ['--csv-time', 'TIMESTAMP', '--csv-duration', '0.05+0.02*GeneratedTokens'];

  it('gives the very instance counts that AWS used in the sweep, 11 of 11', async () => {
    const sweep = join(samples, 'aws_lambda_rps_sweep_2025-05.csv');
    const result = await ebb('simulate', sweep, '--format', 'aws-sweep', '--platform', 'functions', '--json');
    const peaks = result
      .json()
      .platforms[0].functions.map((item: { instancesPeak: number }) => item.instancesPeak);
    expect(peaks).toEqual([1, 1, 1, 1, 2, 2, 2, 3, 4, 4, 7]);
  });

  it('replays the LLM trace exactly on functions and on eight servers', async () => {
    const functions = await ebb(
      'simulate',
      llm,
      ...llmOptions,
      '--platform',
      'functions',
      '--keep-alive-s',
      '60',
      '--cold-start-ms',
      '500',
      '--json',
    );
    expect(functions.json().platforms[0]).toMatchObject({
      coldStarts: 375,
      instancesPeak: 50,
      aliveSeconds: 46_033.742699,
      busySeconds: 5_546.37,
    });
    for (const shape of [
      ['--instances', '8'],
      ['--cores', '8'],
      ['--instances', '4', '--cores', '2'],
    ]) {
      const vm = await ebb('simulate', llm, ...llmOptions, '--platform', 'vm', ...shape, '--json');
      const { waitMs, waited } = vm.json().platforms[0];
      expect(waitMs).toMatchObject({
        mean: expect.closeTo(1_309.109, 3),
        p95: 7_887.548,
        p99: 15_415.951,
        max: 18_273.944,
      });
      expect(waited).toBe(4_358);
    }
  });

  it('simulates all three platforms by default and prints the same bytes each time', async () => {
    const first = await ebb('simulate', llm, ...llmOptions);
    expect(first.stdout).toMatch(/functions +vm +paas/);
    expect((await ebb('simulate', llm, ...llmOptions)).stdout).toBe(first.stdout);
  });

  it('simulates the platforms of a list, and says on stderr how quickly', async () => {
    const options = [
      '--platform',
      'containers,ebb',
      '--platform',
      'vm-group',
      '--cores',
      '1',
      '--replications',
      '2',
    ];
    const text = await ebb('simulate', llm, ...llmOptions, ...options);
    expect(text.exitCode).toBe(0);
    expect(text.stdout).toMatch(/^ +containers +ebb +vm-group$/m);
    expect(text.stdout).toMatch(/^Means of 2 replications/m);
    expect(text.stderr).toMatch(/replayed 52,914 requests in \d+\.\d\d s: [\d,]+ a second/);
  });

  it('draws a made-up workload anew for each replication, and the same again for the same seed', async () => {
    const workload = ['--synthetic', 'poisson:rate=5/s,duration=100s', '--service-time', 'exponential:100ms'];
    const run = () => ebb('simulate', ...workload, '--platform', 'vm', '--replications', '3', '--json');
    const first = await run();
    expect([first.exitCode, first.stderr]).toEqual([0, expect.stringContaining('replayed')]);
    expect(first.json().replications.platforms[0].latencyMeanMs.halfWidth).toBeGreaterThan(0.1);
    expect((await run()).stdout).toBe(first.stdout);
  });

  it('adds extras, a commitment and spot machines, and names the flag of what is missing', async () => {
    const workload = ['--synthetic', 'poisson:rate=2/s,duration=1h', '--service-time', 'exponential:100ms'];
    const extras = ['--extra', 'aws-api-gateway,aws-egress', '--extra', 'aws-logs', '--log-bytes', '100'];
    const sizes = ['--response-bytes', '1000'];
    const beside = await ebb('simulate', ...workload, '--platform', 'vm', ...extras, ...sizes);
    expect(beside.stdout).toMatch(/^vm, aws-ec2 \+ aws-api-gateway \+ aws-egress \+ aws-logs:$/m);
    const missing = await ebb('simulate', ...workload, '--platform', 'vm', ...extras);
    expect([missing.exitCode, missing.stderr]).toEqual([
      2,
      expect.stringContaining('--response-bytes: expected'),
    ]);
    const spot = ['--platform', 'vm-group', '--spot-rate', '5', '--spot-discount', '60', '--attempts', '3'];
    const taken = await ebb('simulate', ...workload, ...spot);
    expect(taken.stdout).toMatch(/^interruptions +[1-9]/m);
    const plan = ['--platform', 'functions,vm', '--commit-usd', '0.01', '--commit-discount', '15', '--json'];
    const committed = (await ebb('simulate', ...workload, ...plan)).json().platforms;
    for (const { commitment } of committed)
      expect(commitment).toMatchObject({ usdPerHour: 0.01, discount: 15 });
    expect(committed[0].extras).toEqual([]);
  });

  it('refuses an option that no chosen platform uses, and says which one does', async () => {
    const vm = await ebb('simulate', llm, ...llmOptions, '--platform', 'vm', '--keep-alive-s', '5');
    expect([vm.exitCode, vm.stderr]).toEqual([
      2,
      expect.stringContaining('--keep-alive-s: is for functions, but simulated is vm'),
    ]);
    const both = ['--keep-alive', 'aws-2025', '--keep-alive-s', '5'];
    const preset = await ebb('simulate', llm, ...llmOptions, '--platform', 'functions', ...both);
    expect(preset.stderr).toContain(
      '--keep-alive-s: is for --keep-alive fixed or hybrid alone, got 5 without',
    );
    // What is a word beside a colon is no option.
    const book = await ebb('simulate', llm, ...llmOptions, '--platform', 'vm', '--prices', 'aws-lambda-x86');
    expect(book.stderr).toContain('for vm expected one that bills instances: aws-ec2');
    const strange = await ebb('simulate', llm, ...llmOptions, '--platform', 'container');
    expect([strange.exitCode, strange.stderr]).toEqual([
      2,
      expect.stringContaining('(did you mean containers?), got ["container"]'),
    ]);
  });

  it('names what is wrong with a trace or its options by their flags', async () => {
    const column = await ebb('simulate', llm, '--csv-time', 'TIMESTAMP', '--csv-duration', 'Generated');
    expect([column.exitCode, column.stderr]).toEqual([2, expect.stringContaining('--csv-duration: ')]);
    expect(column.stderr).toContain('its columns are TIMESTAMP, ContextTokens, GeneratedTokens');
    const missing = await ebb('simulate', 'no-such.csv');
    expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining('(file-unreadable)')]);
    const format = await ebb('simulate', join(root, 'README.md'));
    expect([format.exitCode, format.stderr]).toEqual([2, expect.stringContaining('(trace-format-unknown)')]);
  });
});
