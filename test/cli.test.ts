/** The command line as its users meet it: a real host process, real files, exit codes and streams. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../cli/main.ts';

const root = join(import.meta.dirname, '..');
const launcher = join(root, 'cli', 'launch.js');
const samples = join(root, 'simulator', 'traces', 'samples');
const folder = mkdtempSync(join(tmpdir(), 'ebb-cli-'));
const path = (name: string) => join(folder, name);

class Collected extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk;
    done();
  }
}

/** Runs a command line in this process. */
async function ebb(...args: string[]) {
  const stdout = new Collected();
  const stderr = new Collected();
  const exitCode = await runCommandLine(['node', 'ebb', ...args], { stdout, stderr });
  return { exitCode, stdout: stdout.text, stderr: stderr.text, json: () => JSON.parse(stdout.text) };
}

interface Served {
  readonly process: ChildProcess;
  readonly line: string;
  readonly publicUrl: string;
  readonly adminUrl: string;
}

/** Starts `ebb serve` as a process of its own and waits for its one line. */
async function serve(...args: string[]): Promise<Served> {
  const child = spawn(process.execPath, [launcher, 'serve', '--port', '0', '--admin-port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const line = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
  const [publicUrl = '', adminUrl = ''] = line.match(/http:\/\/[\d.]+:\d+/g) ?? [];
  return { process: child, line, publicUrl, adminUrl };
}

async function stop({ process: child }: Served): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return ended;
}

const GUEST = `import { Request, Response, log } from 'ebb';

export function handle(request: Request): Response {
  log('asked for ' + request.path);
  return Response.text('hi');
}
`;

let host: Served;

beforeAll(async () => {
  writeFileSync(path('hi.ts'), GUEST);
  host = await serve('--data-dir', path('data'));
});

afterAll(async () => {
  if (host.process.exitCode === null) await stop(host);
  rmSync(folder, { recursive: true, force: true });
});

describe('ebb', () => {
  it('lists its commands and exit codes in the help', async () => {
    const { exitCode, stdout } = await ebb('--help');
    expect(exitCode).toBe(0);
    for (const command of [
      'serve',
      'build',
      'deploy',
      'list',
      'remove',
      'settings',
      'logs',
      'usage',
      'bill',
      'trace',
      'simulate',
      'demo',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    }
    expect(stdout).toContain('Exit codes: 0 success');
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect((await ebb('--version')).stdout).toBe(`${version}\n`);
  });

  it.each([
    ['serve'],
    ['build'],
    ['deploy'],
    ['list'],
    ['remove'],
    ['settings'],
    ['logs'],
    ['usage'],
    ['bill'],
    ['trace', 'export'],
    ['trace', 'info'],
    ['simulate'],
    ['demo'],
  ])('has help for %s %s', async (...command) => {
    const { exitCode, stdout } = await ebb(...command.filter(Boolean), '--help');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: ebb ${command.filter(Boolean).join(' ')}`);
  });

  it('suggests the option or command that was meant', async () => {
    const option = await ebb('simulate', 'x.csv', '--keep-aliv-s', '3');
    expect([option.exitCode, option.stderr]).toEqual([
      2,
      expect.stringContaining('Did you mean --keep-alive-s?'),
    ]);
    const command = await ebb('simulat');
    expect([command.exitCode, command.stderr]).toEqual([
      2,
      expect.stringContaining('Did you mean simulate?'),
    ]);
  });

  it('refuses a value out of range and says which is expected', async () => {
    const { exitCode, stderr } = await ebb('serve', '--port', '70000');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Expected a whole number from 0 to 65535, got "70000".');
  });

  it('says that no host is running, with the exit code of a system fault', async () => {
    const { exitCode, stderr } = await ebb('list', '--host', 'http://127.0.0.1:9');
    expect(exitCode).toBe(4);
    expect(stderr).toContain('no host answers at http://127.0.0.1:9');
    expect(stderr).toContain('ebb serve');
  });

  it('prints errors as JSON where JSON was asked for', async () => {
    const { exitCode, stdout, stderr } = await ebb('list', '--host', 'nonsense', '--json');
    expect([exitCode, stdout, JSON.parse(stderr).error.code]).toEqual([2, '', 'value-invalid']);
  });
});

describe('ebb build', () => {
  it('builds a guest and says how large it is', async () => {
    const built = await ebb('build', path('hi.ts'), '-o', path('hi.wasm'), '--json');
    expect(built.exitCode).toBe(0);
    expect(built.json().componentBytes).toBe(readFileSync(path('hi.wasm')).length);
  });

  it('shows the compiler’s error with its line, and writes nothing', async () => {
    writeFileSync(path('broken.ts'), GUEST.replace("'hi'", '42'));
    const { exitCode, stderr } = await ebb('build', path('broken.ts'), '-o', path('broken.wasm'));
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/ERROR TS\d+: .*\n(.*\n)*.*broken\.ts\(5,/);
    expect(existsSync(path('broken.wasm'))).toBe(false);
  });
});

describe('a host', () => {
  it('prints one line with both addresses', () => {
    expect(host.line).toMatch(
      /^ebb is ready: functions at http:\/\/127\.0\.0\.1:\d+\/f\/\{name\}\/, admin at http:\/\/127\.0\.0\.1:\d+$/,
    );
  });

  it('is deployed to, listed, called, billed and exported, then replayed', async () => {
    const at = ['--host', host.adminUrl];
    await ebb('build', path('hi.ts'), '-o', path('hi.wasm'));
    const deployed = await ebb('deploy', path('hi.wasm'), '--name', 'hi', ...at);
    expect(deployed.stdout).toMatch(/^deployed hi: version [0-9a-f]{12}, \d+ bytes\n$/);
    expect((await ebb('deploy', path('hi.wasm'), '--name', 'hi', ...at)).stdout).toMatch(/^unchanged hi: /);
    expect((await ebb('list', ...at, '--json')).json().functions).toMatchObject([{ name: 'hi' }]);
    for (let count = 0; count < 3; count++) {
      const response = await fetch(`${host.publicUrl}/f/hi/there`);
      expect([response.status, await response.text()]).toEqual([200, 'hi']);
    }
    const logs = await ebb('logs', ...at, '--limit', '2');
    expect(logs.stdout.match(/ {4}asked for \/there/g)).toHaveLength(2);
    expect((await ebb('usage', ...at, '--json')).json().functions).toMatchObject([
      { name: 'hi', executions: 3 },
    ]);
    const bill = (await ebb('bill', ...at, '--json')).json();
    expect(bill.lines[0]).toMatchObject({ meter: 'requests', quantity: 0.000003, unit: '1M requests' });
    expect((await ebb('bill', ...at)).stdout).toContain('3 executions at the prices of aws-lambda-x86');
    const exported = await ebb('trace', 'export', ...at, '-o', path('trace.jsonl'));
    expect(exported.stderr).toContain('exported 3 executions');
    expect((await ebb('trace', 'export', ...at)).stdout).toBe(readFileSync(path('trace.jsonl'), 'utf8'));
    const replay = await ebb(
      'simulate',
      path('trace.jsonl'),
      '--keep-alive-s',
      '0',
      '--cold-start-ms',
      'trace',
      '--json',
    );
    const [functions] = replay.json().platforms;
    expect([functions.requests, functions.costUsd]).toEqual([3, bill.totalUsd]);
  });

  it('passes the host’s own refusals on, with their codes', async () => {
    const at = ['--host', host.adminUrl];
    writeFileSync(path('text.wasm'), 'not a component at all');
    const deployed = await ebb('deploy', path('text.wasm'), '--name', 'text', ...at);
    expect([deployed.exitCode, deployed.stderr]).toEqual([
      2,
      expect.stringContaining('(component-not-wasm)'),
    ]);
    const removed = await ebb('remove', 'nobody', ...at);
    expect([removed.exitCode, removed.stderr]).toEqual([2, expect.stringContaining('(function-unknown)')]);
    const billed = await ebb('bill', '--prices', 'nobody', ...at);
    expect([billed.exitCode, billed.stderr]).toEqual([
      2,
      expect.stringContaining('there are aws-lambda-x86, '),
    ]);
  });

  it('refuses a data folder that another host uses, and a port that is taken', async () => {
    const second = await ebb('serve', '--port', '0', '--admin-port', '0', '--data-dir', path('data'));
    expect([second.exitCode, second.stderr]).toEqual([
      4,
      expect.stringContaining('another host is using it'),
    ]);
    const { port } = new URL(host.publicUrl);
    const third = await ebb('serve', '--port', port, '--admin-port', '0', '--data-dir', path('other'));
    expect([third.exitCode, third.stderr]).toEqual([
      4,
      expect.stringContaining('something else listens there'),
    ]);
  });

  it('ends cleanly on SIGTERM and serves the same functions when it is started again', async () => {
    expect(await stop(host)).toBe(0);
    host = await serve('--data-dir', path('data'));
    expect((await fetch(`${host.publicUrl}/f/hi/`)).status).toBe(200);
    const removed = await ebb('remove', 'hi', '--host', host.adminUrl);
    expect(removed.stdout).toContain('removed hi');
    expect((await fetch(`${host.publicUrl}/f/hi/`)).status).toBe(404);
  });
});

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
    const missing = await ebb('simulate', path('nothing.csv'));
    expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining('(file-unreadable)')]);
    const format = await ebb('simulate', join(root, 'README.md'));
    expect([format.exitCode, format.stderr]).toEqual([2, expect.stringContaining('(trace-format-unknown)')]);
  });
});

describe('the launcher', () => {
  it('says which Node is needed when it is too old', async () => {
    const old =
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });";
    writeFileSync(path('old-node.cjs'), old);
    const child = spawn(process.execPath, ['--require', path('old-node.cjs'), launcher, '--version']);
    const stderr = new Collected();
    child.stderr.pipe(stderr);
    const exitCode = await new Promise((resolve) => child.once('close', resolve));
    expect(exitCode).toBe(4);
    expect(stderr.text).toContain('expected Node 26 or newer, got 20.20.2 (node-unsupported)');
  });
});
