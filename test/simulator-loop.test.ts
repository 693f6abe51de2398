/** The loop: what the host recorded, replayed by the host's own rules, is the same usage and the same money. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BillMeter } from '../metering/bill-meter.ts';
import { type ExecutionRecord, wasStarted } from '../metering/execution.ts';
import { makeInvoice, reportInvoice } from '../metering/invoice.ts';
import { priceBook } from '../metering/prices/catalogue.ts';
import { reportUsage, UsageMeter } from '../metering/usage.ts';
import { functionsPlatform } from '../simulator/platforms/functions.ts';
import { drive } from '../simulator/replay.ts';
import { simulate } from '../simulator/run.ts';
import { readTraceText } from '../simulator/traces/read.ts';
import { anyExecution, execution } from './records.ts';

const HEADER = '{"format":"ebb-executions","formatVersion":1}';
const exported = (records: readonly ExecutionRecord[]): string =>
  [HEADER, ...records.map((record) => JSON.stringify(record))].join('\n');
const read = (records: readonly ExecutionRecord[]) => readTraceText(exported(records), 'export.jsonl');

const BOOKS = ['aws-lambda-x86', 'aws-lambda-arm', 'cloudflare-workers', 'azure-functions', 'gcp-cloud-run'];
const anyRecords = fc
  .array(anyExecution, { minLength: 1, maxLength: 40 })
  .filter((records) => records.some(wasStarted));

/** Every field of a record that counts, in any order of the records. */
const canonical = (records: readonly ExecutionRecord[]): string[] =>
  records.map((record) => JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))).sort();

describe('executions that Ebb exported', () => {
  it('are the same records again, with no keep-alive and their own start-up times', () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const trace = read(records);
        const replayed: ExecutionRecord[] = [];
        const settings = {
          coldStartUs: 'trace',
          keepAliveUs: 0,
          pick: 'newest',
          maxInstances: 1000,
        } as const;
        const sink = {
          execution: (record: ExecutionRecord) => void replayed.push({ ...record }),
          instance: () => {},
        };
        drive(functionsPlatform({ ...settings, memoryBytes: null }), trace, () => sink);
        expect(canonical(replayed)).toEqual(canonical(records.filter(wasStarted)));
      }),
    );
  });

  it('give the same usage and the same invoice', () => {
    fc.assert(
      fc.property(anyRecords, fc.constantFrom(...BOOKS), fc.boolean(), (records, bookId, freeTier) => {
        const started = records.filter(wasStarted);
        const usage = new UsageMeter();
        const bill = new BillMeter(priceBook(bookId));
        for (const record of started) {
          usage.add(record);
          bill.addExecution(record);
        }
        const scenario = { platforms: ['functions'], keepAliveS: 0, prices: [bookId], freeTier } as const;
        const [platform] = simulate(read(records), scenario).platforms;
        const invoice = reportInvoice(makeInvoice(bill.book, bill.quantities, { freeTier }));
        expect(platform?.usage).toEqual(reportUsage(usage.usage));
        expect(platform?.invoice).toEqual(invoice.lines);
        expect(platform?.costUsd).toBe(invoice.totalUsd);
      }),
    );
  });

  it('count rejected requests, which never ran, apart', () => {
    const records = [
      execution({}),
      execution({ outcome: 'rejected', httpStatus: 503 }),
      execution({ outcome: 'trap' }),
    ];
    const result = simulate(read(records), { platforms: ['functions'] });
    expect(result.trace).toMatchObject({ format: 'ebb', arrivals: 2, skippedRejected: 1 });
    expect(result.platforms[0]).toMatchObject({ requests: 2, served: 1, failed: 1, rejected: 0 });
  });

  it('use instances again with a keep-alive, and call a new instance cold', () => {
    const at = (arrivedAtUs: number) =>
      execution({ arrivedAtUs, queueUs: 7, startupUs: 500, runUs: 100, warmth: 'warm' });
    const [platform] = simulate(read([at(0), at(1_000)]), { platforms: ['functions'] }).platforms;
    expect(platform).toMatchObject({ coldStarts: 1, warmStarts: 1, instancesPeak: 1, waited: 1 });
    expect(platform?.usage).toMatchObject({ startupMs: 0.5, runMs: 0.2, queueMs: 0 });
  });

  it('are refused line by line', () => {
    const text = (line: string) => `${HEADER}\n${line}`;
    const broken: readonly [string, RegExp][] = [
      ['{"functionName":', /x\.jsonl line 2: expected a JSON object, got "\{/],
      ['{"functionName":"f"}', /x\.jsonl line 2: version: expected a string, got nothing; .*runUs/],
      [
        JSON.stringify(execution({ runUs: 2e15 })),
        /line 2, column runUs: expected at most 1000000000000000, got 2/,
      ],
    ];
    for (const [line, message] of broken) {
      expect(() => readTraceText(text(line), 'x.jsonl')).toThrow(
        expect.objectContaining({ code: 'trace-invalid' }),
      );
      expect(() => readTraceText(text(line), 'x.jsonl')).toThrow(message);
    }
    expect(() => readTraceText('{"format":"ebb-executions","formatVersion":2}\n', 'x.jsonl')).toThrow(
      /line 1, column formatVersion: expected 1, got 2/,
    );
  });

  it('need a request that ran', () => {
    const rejected = execution({ outcome: 'rejected' });
    expect(() => read([rejected])).toThrow(expect.objectContaining({ code: 'trace-empty' }));
    expect(() => read([rejected])).toThrow(/1 rows are of rejected requests/);
    expect(() => readTraceText(`${HEADER}\n`, 'x')).toThrow(expect.objectContaining({ code: 'trace-empty' }));
  });
});
