/** `ebb demo`: the whole of Ebb once through, on real guests and real requests, in under a minute. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { buildExamples } from '../../guests/build.ts';
import { hostConfig } from '../../host/config.ts';
import type { LedgerEntry } from '../../host/ledger/ledger.ts';
import type { FunctionUsage } from '../../host/ledger/ledger-totals.ts';
import type { RunningHost } from '../../host/server.ts';
import { CodedError } from '../../metering/errors.ts';
import type { InvoiceReport } from '../../metering/invoice.ts';
import { comparisonTable } from '../../simulator/report/table.ts';
import type { SimulationResult } from '../../simulator/result.ts';
import { simulate } from '../../simulator/run.ts';
import type { ScenarioInput } from '../../simulator/scenario.ts';
import { readTraceFile } from '../../simulator/traces/file.ts';
import type { TraceOptions } from '../../simulator/traces/format.ts';
import { AdminClient } from '../admin-client.ts';
import { sendTraffic } from '../demo/traffic.ts';
import { invoiceTable } from '../invoice-table.ts';
import { type Output, textTable } from '../output.ts';
import { EBB_VERSION } from '../version.ts';

/** Short, so that the guest that never returns is cut off while the demo lasts. */
const TIME_LIMIT_MS = 1_500;

/** Real arrivals: 57 minutes of a production service, with the work of each request as generated tokens. */
const SAMPLE = fileURLToPath(
  new URL('../../simulator/traces/samples/azure_llm2023_code.csv', import.meta.url),
);
const SAMPLE_OPTIONS: TraceOptions = { csvTime: 'TIMESTAMP', csvDuration: '0.05+0.02*GeneratedTokens' };

class Demo {
  readonly #output: Output;
  readonly #folder: string;
  readonly #startedMs = performance.now();

  constructor(output: Output, folder: string) {
    this.#output = output;
    this.#folder = folder;
  }

  async run(): Promise<void> {
    const data = join(this.#folder, 'data');
    await mkdir(this.#folder, { recursive: true });
    await rm(data, { recursive: true, force: true });
    this.#step('building the example guests from source');
    const [{ buildExamples }, { startHost }] = await Promise.all([
      import('../../guests/build.ts'),
      import('../../host/server.ts'),
    ]);
    const guests = await buildExamples((name, stage) => this.#output.progress(`${name}: ${stage}`));
    this.#step('starting a host on loopback');
    const config = hostConfig({
      port: 0,
      adminPort: 0,
      dataDir: data,
      timeLimitMs: TIME_LIMIT_MS,
      allowOutbound: ['127.0.0.1'],
    });
    const running = await startHost(config, {
      nowMs: Date.now,
      onInternal: (error) => this.#output.say(String(error)),
    });
    try {
      await this.#useHost(running, guests);
    } finally {
      await running.stop();
    }
    await this.#replayOwn();
    await this.#replaySample();
    const seconds = ((performance.now() - this.#startedMs) / 1_000).toFixed(1);
    this.#output.print(`\nThe host has stopped. Results are in ${this.#folder}/ (${seconds} s in all).`);
  }

  /** Tells what comes next on stderr, with the time since the start. */
  #step(text: string): void {
    this.#output.say(`[${((performance.now() - this.#startedMs) / 1_000).toFixed(1).padStart(4)} s] ${text}`);
  }

  async #useHost(running: RunningHost, guests: Awaited<ReturnType<typeof buildExamples>>): Promise<void> {
    const admin = new AdminClient(running.adminUrl);
    this.#step('deploying them over HTTP');
    for (const [name, { component }] of guests) {
      const body = component as Uint8Array<ArrayBuffer>;
      await admin.json(
        `/v1/functions/${name}`,
        {},
        { method: 'PUT', body, headers: { 'content-type': 'application/wasm' } },
      );
    }
    this.#step('sending requests, a trapping and a never-ending one among them');
    const { sent, unexpected } = await sendTraffic(running.publicUrl, (done, of) =>
      this.#output.progress(`${done} of ${of}`),
    );
    if (unexpected.length > 0)
      throw new CodedError('internal', `the demo's requests failed: ${unexpected.join('; ')}`);
    await this.#showUsage(admin, sent);
    await this.#showExecutions(admin);
    await this.#showBill(admin);
    const trace = await admin.response('/v1/executions/export');
    await this.#write('executions.jsonl', await trace.text());
  }

  async #showUsage(admin: AdminClient, sent: number): Promise<void> {
    const { functions } = await admin.json<{ functions: FunctionUsage[] }>('/v1/usage');
    await this.#write('usage.json', JSON.stringify({ functions }, null, 2));
    const rows = functions.map((used) => {
      const each = (total: number) => Number((total / used.executions).toFixed(2));
      const outcomes = Object.entries(used.byOutcome).map(([outcome, count]) => `${outcome} ${count}`);
      return [
        used.name,
        used.executions,
        each(used.cpuMs),
        each(used.startupMs),
        each(used.runMs),
        used.usageGbSeconds,
        outcomes.join(', '),
      ];
    });
    this.#output.print(`\n${sent} requests, each in a fresh instance. What the executions used:\n\n`);
    this.#output.print(
      textTable(
        ['function', 'executions', 'cpu ms each', 'start-up ms each', 'run ms each', 'GB-s', 'outcomes'],
        rows,
      ),
    );
  }

  /** One record of each function and outcome stands for the rest, which are in the exported file. */
  async #showExecutions(admin: AdminClient): Promise<void> {
    const { executions } = await admin.json<{ executions: LedgerEntry[] }>('/v1/executions', {
      limit: '1000',
    });
    const kinds = new Map(executions.map((entry) => [`${entry.functionName} ${entry.outcome}`, entry]));
    const inMs = (us: number) => (us / 1_000).toFixed(2);
    const rows = [...kinds.values()]
      .sort((a, b) => a.id - b.id)
      .map((entry) => [
        `#${entry.id}`,
        entry.functionName,
        entry.httpStatus,
        entry.outcome,
        entry.warmth,
        ...[entry.queueUs, entry.startupUs, entry.runUs, entry.cpuUs].map(inMs),
        Math.ceil(entry.memoryBytesPeak / 1_024),
      ]);
    const header = [
      'id',
      'function',
      'status',
      'outcome',
      'start',
      'queue ms',
      'start-up ms',
      'run ms',
      'cpu ms',
      'KiB',
    ];
    this.#output.print(`\nOne execution of each kind, of ${executions.length} in the ledger:\n\n`);
    this.#output.print(textTable(header, rows));
  }

  async #showBill(admin: AdminClient): Promise<void> {
    const bill = await admin.json<InvoiceReport>('/v1/bill', { prices: 'aws-lambda-x86' });
    await this.#write('bill.json', JSON.stringify(bill, null, 2));
    this.#output.print(
      '\nThe same executions at the prices of AWS Lambda (x86, us-east-1, no free tier):\n\n',
    );
    this.#output.print(invoiceTable(bill));
  }

  /** The host's own policy: nothing is kept alive, and each request starts up as it did on the host. */
  async #replayOwn(): Promise<void> {
    const title = 'The recorded executions, replayed on three platforms';
    const file = join(this.#folder, 'executions.jsonl');
    await this.#replay('replay-executions', title, file, {}, { keepAliveS: 0, coldStartMs: 'trace' });
  }

  async #replaySample(): Promise<void> {
    const title =
      '57 minutes of a real service (Azure LLM inference 2023, 0.05 s + 0.02 s a token), replayed on three platforms';
    const scenario: ScenarioInput = { keepAliveS: 60, coldStartMs: 500, instances: 8 };
    await this.#replay('replay-azure-llm-2023', title, relative('.', SAMPLE), SAMPLE_OPTIONS, scenario);
  }

  async #replay(
    name: string,
    title: string,
    file: string,
    options: TraceOptions,
    scenario: ScenarioInput,
  ): Promise<void> {
    this.#step(`replaying ${name === 'replay-executions' ? 'the recorded trace' : 'a bundled real trace'}`);
    const result: SimulationResult = simulate(await readTraceFile(file, options), scenario, {
      version: EBB_VERSION,
    });
    const table = comparisonTable(result);
    await this.#write(`${name}.json`, JSON.stringify(result, null, 2));
    await this.#write(`${name}.txt`, table);
    this.#output.print(`\n${title}:\n\n`);
    this.#output.print(table);
  }

  async #write(name: string, text: string): Promise<void> {
    await writeFile(join(this.#folder, name), text.endsWith('\n') ? text : `${text}\n`);
  }
}

export function addDemo(program: Command, output: Output): void {
  program
    .command('demo')
    .description('show all of Ebb once: build, deploy, run, meter, bill, replay')
    .option('--out-dir <folder>', 'folder for the result files; its folder `data` is made anew', 'ebb-demo')
    .action(({ outDir }: { readonly outDir: string }) => new Demo(output, outDir).run());
}
