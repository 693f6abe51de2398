/** `ebb logs`, `ebb usage`, `ebb bill` and `ebb trace export`: what a host has recorded. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { LedgerEntry } from '../../host/ledger/ledger.ts';
import type { FunctionUsage } from '../../host/ledger/ledger-totals.ts';
import { CodedError } from '../../metering/errors.ts';
import type { InvoiceReport } from '../../metering/invoice.ts';
import { PRICE_BOOK_IDS, priceBook } from '../../metering/prices/catalogue.ts';
import { AdminClient } from '../admin-client.ts';
import { billByBook } from '../bill-by-book.ts';
import { invoiceTable } from '../invoice-table.ts';
import { wholeNumber } from '../option-values.ts';
import { type Output, textTable } from '../output.ts';
import { isPriceFile, loadPriceBook } from '../price-books.ts';
import { hostOptions } from './functions.ts';
import { addTraceInfo } from './trace-info.ts';

interface FilterOptions {
  readonly host: string;
  readonly json?: boolean;
  readonly function?: string;
  readonly from?: string;
  readonly to?: string;
}

const FOLLOW_EVERY_MS = 1_000;

const executionCount = (executions: number): string =>
  `${executions} execution${executions === 1 ? '' : 's'}`;

const filterQuery = ({ function: name, from, to }: FilterOptions) => ({ function: name, from, to });

function filterOptions(command: Command): Command {
  return hostOptions(command)
    .option('--function <name>', 'only this function')
    .option('--from <time>', 'only from this time on (ISO 8601, for example 2026-11-21T12:00:00Z)')
    .option('--to <time>', 'only before this time (ISO 8601)');
}

function logLine(entry: LedgerEntry): string {
  const at = new Date(entry.arrivedAtUs / 1_000).toISOString();
  const ms = (us: number) => `${(us / 1_000).toFixed(1)} ms`;
  const times = `queue ${ms(entry.queueUs)}, start ${ms(entry.startupUs)}, run ${ms(entry.runUs)}, cpu ${ms(entry.cpuUs)}`;
  const memory = `${Math.ceil(entry.memoryBytesPeak / 1_024)} KiB`;
  const fuel = entry.fuelUsed > 0 ? `, fuel ${entry.fuelUsed}` : '';
  const head = `${at} #${entry.id} ${entry.functionName} ${entry.httpStatus} ${entry.outcome} ${entry.warmth}: ${times}, ${memory}${fuel}`;
  const guestLines = entry.log === '' ? [] : entry.log.trimEnd().split('\n');
  return [head, ...guestLines.map((line) => `    ${line}`)].join('\n');
}

interface LogOptions extends FilterOptions {
  readonly limit: number;
  readonly follow?: boolean;
}

async function logs(options: LogOptions, output: Output): Promise<void> {
  const client = new AdminClient(options.host);
  let lastId = 0;
  const show = async (limit: number): Promise<void> => {
    const query = { ...filterQuery(options), limit: String(limit) };
    const { executions } = await client.json<{ executions: LedgerEntry[] }>('/v1/executions', query);
    const fresh = executions.filter((entry) => entry.id > lastId).reverse();
    for (const entry of fresh) output.print(options.json ? JSON.stringify(entry) : logLine(entry));
    lastId = fresh.at(-1)?.id ?? lastId;
  };
  await show(options.limit);
  if (lastId === 0 && !options.follow) output.say('no executions are recorded');
  while (options.follow) {
    await delay(FOLLOW_EVERY_MS);
    await show(1_000);
  }
}

async function usage(options: FilterOptions, output: Output): Promise<void> {
  const answer = await new AdminClient(options.host).json<{ functions: FunctionUsage[] }>(
    '/v1/usage',
    filterQuery(options),
  );
  if (options.json) return output.json(answer);
  const hasFuel = answer.functions.some(({ fuelUsed }) => fuelUsed > 0);
  const rows = answer.functions.map((used) => {
    const outcomes = Object.entries(used.byOutcome).map(([outcome, count]) => `${outcome} ${count}`);
    return [
      used.name,
      used.executions,
      used.usageGbSeconds,
      used.cpuMs,
      ...(hasFuel ? [used.fuelUsed] : []),
      used.bytesIn,
      used.bytesOut,
      outcomes.join(', '),
    ];
  });
  const columns = ['executions', 'GB-s', 'cpu ms', ...(hasFuel ? ['fuel'] : [])];
  output.print(textTable(['name', ...columns, 'bytes in', 'bytes out', 'outcomes'], rows));
}

interface BillOptions extends FilterOptions {
  readonly prices: string;
  readonly freeTier?: boolean;
}

/** The host knows the books that come with Ebb; a book of the user's own is applied here, by the same metering. */
async function invoiceFor(options: BillOptions): Promise<InvoiceReport & { readonly executions: number }> {
  const client = new AdminClient(options.host);
  if (isPriceFile(options.prices)) {
    const book = await loadPriceBook(options.prices);
    return billByBook(client, filterQuery(options), book, { freeTier: options.freeTier === true });
  }
  const freeTier = options.freeTier ? 'true' : undefined;
  return client.json('/v1/bill', { ...filterQuery(options), prices: options.prices, freeTier });
}

async function bill(options: BillOptions, output: Output): Promise<void> {
  const invoice = await invoiceFor(options);
  if (options.json) return output.json(invoice);
  output.print(
    `${executionCount(invoice.executions)} at the prices of ${invoice.priceBook}\n\n${invoiceTable(invoice)}`,
  );
}

async function exportTrace(
  options: FilterOptions & { readonly output?: string },
  output: Output,
): Promise<void> {
  const response = await new AdminClient(options.host).response(
    '/v1/executions/export',
    filterQuery(options),
  );
  if (!response.body)
    throw new CodedError('host-unreachable', 'expected a trace from the host, got an empty answer');
  let lines = -1;
  const counted = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream).on(
    'data',
    (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 10) lines++;
      output.progress(`exported ${executionCount(Math.max(0, lines))}`);
    },
  );
  if (options.output === undefined) {
    await pipeline(counted, output.stdout as Writable, { end: false });
    return;
  }
  const temporary = `${options.output}.${process.pid}.part`;
  try {
    await pipeline(counted, createWriteStream(temporary));
    await rename(temporary, options.output);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw new CodedError(
      'file-unwritable',
      `expected to write ${options.output}: ${(thrown as Error).message}`,
    );
  }
  if (options.json) output.json({ output: options.output, executions: lines });
  else output.say(`exported ${executionCount(lines)} to ${options.output}`);
}

const EXECUTION_BOOK_IDS = PRICE_BOOK_IDS.filter((id) => priceBook(id).bills === 'executions');

export function addLedger(program: Command, output: Output): void {
  filterOptions(program.command('logs'))
    .description('show the newest executions and what their guests printed')
    .option('--limit <n>', 'how many (1 to 1000)', wholeNumber(1, 1_000), 20)
    .option('-f, --follow', 'go on and show new ones as they come')
    .action((options) => logs(options, output));
  filterOptions(program.command('usage'))
    .description('show what each function used')
    .action((options) => usage(options, output));
  filterOptions(program.command('bill'))
    .description('price the recorded executions as one month of a provider')
    .option(
      '--prices <book>',
      `price book of executions: ${EXECUTION_BOOK_IDS.join(', ')}, or a file such as ./mine.json`,
      'aws-lambda-x86',
    )
    .option('--free-tier', 'subtract what the provider gives for free each month')
    .action((options) => bill(options, output));
  const trace = program.command('trace').description('traces of requests: the recorded ones, and any other');
  filterOptions(trace.command('export'))
    .description('write the recorded executions as a trace that `ebb simulate` replays (JSON Lines)')
    .option('-o, --output <file>', 'where to write (default: stdout)')
    .action((options) => exportTrace(options, output));
  addTraceInfo(trace, output);
}
