/** Laws of metering that hold for any executions. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BillMeter } from '../metering/bill-meter.ts';
import { checkExecution, type ExecutionRecord, occupiedUs, wasStarted } from '../metering/execution.ts';
import { makeInvoice } from '../metering/invoice.ts';
import { PRICE_BOOK_IDS, priceBook } from '../metering/prices/catalogue.ts';
import { BYTES_PER_GB, ExactSum, formatQuotient, parseDecimal } from '../metering/units.ts';
import { UsageMeter } from '../metering/usage.ts';
import { anyExecution, execution } from './records.ts';

/** Cloud Functions sells no function above 8 GB, and refuses it: that has its own test. */
const EXECUTION_BOOKS = PRICE_BOOK_IDS.filter(
  (id) => priceBook(id).bills === 'executions' && id !== 'gcp-cloud-functions',
);
const records = fc.array(anyExecution, { maxLength: 40 });
const anyBook = fc.constantFrom(...EXECUTION_BOOKS).map((id) => priceBook(id));
const anyBookWithoutLimit = anyBook.filter((book) => book.meters.every(({ atMost }) => atMost === null));

function usageOf(list: readonly ExecutionRecord[]) {
  const meter = new UsageMeter();
  for (const record of list) meter.add(record);
  return meter.usage;
}

function quantitiesOf(book: ReturnType<typeof priceBook>, list: readonly ExecutionRecord[]) {
  const meter = new BillMeter(book);
  for (const record of list) meter.addExecution(record);
  return meter.quantities;
}

const shuffled = (list: readonly ExecutionRecord[], keys: readonly number[]) =>
  list
    .map((record, index) => ({ record, key: keys[index % keys.length] ?? 0 }))
    .sort((a, b) => a.key - b.key)
    .map(({ record }) => record);

const total = (book: ReturnType<typeof priceBook>, list: readonly ExecutionRecord[], freeTier: boolean) =>
  makeInvoice(book, quantitiesOf(book, list), { freeTier }).totalNanoUsd;

describe('usage and bills', () => {
  it('do not depend on the order of the records', () => {
    const keys = fc.array(fc.nat(), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(records, keys, anyBook, (list, order, book) => {
        const other = shuffled(list, order);
        expect(usageOf(other)).toEqual(usageOf(list));
        expect(quantitiesOf(book, other)).toEqual(quantitiesOf(book, list));
      }),
    );
  });

  it('are the same when the records are split and the parts merged', () => {
    fc.assert(
      fc.property(records, fc.nat({ max: 40 }), anyBook, (list, at, book) => {
        const usage = new UsageMeter();
        const bill = new BillMeter(book);
        for (const part of [list.slice(0, at), list.slice(at)]) {
          usage.merge(usageOf(part));
          bill.merge(quantitiesOf(book, part));
        }
        expect(usage.usage).toEqual(usageOf(list));
        expect(bill.quantities).toEqual(quantitiesOf(book, list));
      }),
    );
  });

  it('never shrink when an execution is added, with the free tier or without', () => {
    fc.assert(
      fc.property(records, anyExecution, anyBook, fc.boolean(), (list, more, book, freeTier) => {
        expect(total(book, [...list, more], freeTier)).toBeGreaterThanOrEqual(total(book, list, freeTier));
      }),
    );
  });

  it('never round below the real use', () => {
    fc.assert(
      fc.property(anyExecution, (record) => {
        const started = wasStarted(record) ? 1n : 0n;
        const [requests, memoryTime] = quantitiesOf(priceBook('aws-lambda-x86'), [record]);
        expect(requests).toBe(started);
        expect(memoryTime).toBeGreaterThanOrEqual(
          started * BigInt(record.memoryBytesLimit) * BigInt(occupiedUs(record)),
        );
        const [, peakTime] = quantitiesOf(priceBook('azure-functions'), [record]);
        expect(peakTime).toBeGreaterThanOrEqual(
          started * BigInt(record.memoryBytesPeak) * BigInt(occupiedUs(record)),
        );
        const [, , cpu] = quantitiesOf(priceBook('cloudflare-workers'), [record]);
        expect(cpu).toBeGreaterThanOrEqual(started * BigInt(record.cpuUs));
      }),
    );
  });

  it('never round below the real use, by clock and by bytes out', () => {
    const sold = anyExecution.map((record) => ({
      ...record,
      memoryBytesLimit: record.memoryBytesLimit % (8 * BYTES_PER_GB),
    }));
    fc.assert(
      fc.property(fc.array(sold, { maxLength: 20 }), fc.nat({ max: 20 }), (list, at) => {
        const book = priceBook('gcp-cloud-functions');
        const started = list.filter(wasStarted);
        const [, memoryTime, clockTime] = quantitiesOf(book, list) as [bigint, bigint, bigint];
        const timeUs = started.reduce((sum, record) => sum + BigInt(occupiedUs(record)), 0n);
        const byteUs = started.reduce(
          (sum, record) => sum + BigInt(record.memoryBytesLimit) * BigInt(occupiedUs(record)),
          0n,
        );
        expect(memoryTime).toBeGreaterThanOrEqual(byteUs);
        // The slowest function has 200 MHz, the fastest 4,800; the rounding adds less than 100 ms to each.
        expect(clockTime).toBeGreaterThanOrEqual(timeUs * 200n);
        expect(clockTime).toBeLessThanOrEqual((timeUs + 100_000n * BigInt(started.length)) * 4_800n);
        const parts = new BillMeter(book);
        for (const part of [list.slice(at), list.slice(0, at)]) parts.merge(quantitiesOf(book, part));
        expect(parts.quantities).toEqual(quantitiesOf(book, list));
        const bytesOut = started.reduce((sum, record) => sum + BigInt(record.bytesOut), 0n);
        expect(quantitiesOf(priceBook('deno-deploy'), list)[2]).toBe(bytesOut);
      }),
    );
  });

  it('conserve quantities: the lines of a meter add up to what was measured', () => {
    fc.assert(
      fc.property(
        records,
        fc.boolean(),
        anyBookWithoutLimit,
        fc.bigInt({ min: 1n, max: 10n ** 15n }),
        (list, freeTier, book, n) => {
          const quantities = quantitiesOf(book, list).map((quantity) => quantity * n);
          const invoice = makeInvoice(book, quantities, { freeTier });
          for (const [index, meter] of book.meters.entries()) {
            if (meter.measure.kind === 'base-fee') continue;
            const billed = invoice.lines.filter((line) => line.meter === meter.meter);
            expect(billed.reduce((sum, line) => sum + line.quantity, 0n)).toBe(quantities[index]);
          }
          expect(invoice.lines.reduce((sum, line) => sum + line.amountNanoUsd, 0n)).toBe(
            invoice.totalNanoUsd,
          );
        },
      ),
    );
  });

  it('count a rejected request as an outcome, not as an execution, and bill nothing for it', () => {
    const rejected = execution({ outcome: 'rejected', runUs: 5, bytesIn: 7 });
    const usage = usageOf([rejected, execution({ outcome: 'trap', runUs: 3 })]);
    expect([usage.executions, usage.byOutcome.rejected, usage.byOutcome.trap, usage.runUs]).toEqual([
      1,
      1,
      1,
      3n,
    ]);
    expect(quantitiesOf(priceBook('aws-lambda-x86'), [rejected])).toEqual([0n, 0n]);
  });
});

describe('exact numbers', () => {
  it('sums are exact far beyond what a number holds', () => {
    const factor = fc.oneof(
      fc.maxSafeNat(),
      fc.nat({ max: 2 ** 36 }),
      fc.nat({ max: 2 ** 27 }),
      fc.constant(2 ** 30),
    );
    const pairs = fc.array(fc.tuple(factor, factor), { size: 'medium' });
    fc.assert(
      fc.property(pairs, fc.array(fc.nat({ max: 2 ** 51 })), (pairs, addends) => {
        const sum = new ExactSum();
        for (const addend of addends) sum.add(addend);
        for (const [a, b] of pairs) sum.addProduct(a, b);
        for (const addend of addends) sum.add(addend);
        pairs = [...pairs, ...addends.map((addend): [number, number] => [addend, 2])];
        expect(sum.value).toBe(pairs.reduce((value, [a, b]) => value + BigInt(a) * BigInt(b), 0n));
      }),
    );
  });

  it('decimals are read without a binary fraction', () => {
    expect(parseDecimal('0.0000166667')).toEqual({ digits: 166667n, scale: 10 });
    expect(parseDecimal('1.5e-7')).toEqual({ digits: 15n, scale: 8 });
    expect(parseDecimal('2e3')).toEqual({ digits: 2000n, scale: 0 });
  });

  it.each(['', '-1', '1,5', 'NaN', '1e9999', ' 1'])('refuses %j as a decimal', (text) => {
    expect(() => parseDecimal(text)).toThrow(/expected a decimal number of 0 or more, got/);
  });

  it('quotients are rounded up in their last place', () => {
    expect(formatQuotient(1n, 3n, 4)).toBe('0.3334');
    expect(formatQuotient(0n, 3n, 4)).toBe('0');
    expect(formatQuotient(6n, 3n, 4)).toBe('2');
  });
});

describe('records from outside', () => {
  it('pass through the check unchanged, without fields that are not theirs', () => {
    fc.assert(
      fc.property(anyExecution, (record) => {
        expect(checkExecution({ ...record, colour: 'blue' }, 'line 1')).toEqual(record);
      }),
    );
  });

  it('are refused with every fault named', () => {
    const bad = { ...execution({}), runUs: -1, cpuUs: 1.5, outcome: 'fine', functionName: undefined };
    expect(() => checkExecution(bad, 'line 7')).toThrow(
      'line 7: functionName: expected a string, got nothing; runUs: expected an integer of 0 or more, got -1; ' +
        'cpuUs: expected an integer of 0 or more, got 1.5; ' +
        'outcome: expected one of ok, trap, exit, no-response, invalid-response, response-too-large, time-limit, ' +
        'fuel-limit, interrupted, client-closed, rejected, got "fine"',
    );
  });

  it.each([null, 3, 'x', []])('are refused when they are no object: %j', (value) => {
    expect(() => checkExecution(value, 'line 2')).toThrow(/line 2: expected an execution record/);
  });
});
