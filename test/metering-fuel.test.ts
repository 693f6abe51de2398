/** Bills of fuel: exact, and refused where nobody has counted. */
import { describe, expect, it } from 'vitest';
import { BillMeter } from '../metering/bill-meter.ts';
import { checkExecution, type ExecutionRecord } from '../metering/execution.ts';
import { makeInvoice, reportInvoice } from '../metering/invoice.ts';
import { type PriceBook, readPriceBook } from '../metering/price-book.ts';
import { fuelBook as exampleBook } from './fuel-book.ts';
import { execution } from './records.ts';

function billed(book: PriceBook, list: readonly ExecutionRecord[]) {
  const meter = new BillMeter(book);
  for (const record of list) meter.addExecution(record);
  return reportInvoice(makeInvoice(book, meter.quantities, { freeTier: false }));
}

describe('a book of fuel', () => {
  it('bills each execution’s fuel in steps, whatever time it took', () => {
    const list = [
      execution({ fuelUsed: 1, runUs: 5 }),
      execution({ fuelUsed: 1_000_000, runUs: 9_000_000 }),
      execution({ fuelUsed: 1_000_001, outcome: 'fuel-limit' }),
    ];
    // 1 + 1 + 2 million: 0.004 G-fuel at 0.02 USD.
    expect(billed(exampleBook(), list).totalUsd).toBe(0.00008);
    const slower = list.map((record) => ({ ...record, runUs: record.runUs * 3, cpuUs: 77 }));
    expect(billed(exampleBook(), slower)).toEqual(billed(exampleBook(), list));
  });

  it('is refused for an execution whose fuel nobody counted, unless it never answered', () => {
    expect(() => billed(exampleBook(), [execution({ functionName: 'f' })])).toThrow(
      'expected executions whose fuel was counted, got one of "f" without',
    );
    const without = [execution({ outcome: 'interrupted' }), execution({ outcome: 'rejected' })];
    expect(billed(exampleBook(), without).totalUsd).toBe(0);
  });

  it.each([0, 1.5, '1', undefined])('is invalid with steps of %j', (fuelStep) => {
    const measure = { kind: 'fuel', fuelStep };
    const book = JSON.parse(JSON.stringify({ ...plainBook, meters: [{ ...plainMeter, measure }] }));
    expect(() => readPriceBook(book)).toThrow(/fuelStep: expected/);
  });
});

it('a record without fuel is one of a time when there was none', () => {
  const { fuelUsed: _fuelUsed, ...before } = execution({});
  expect(checkExecution(before, 'line 1')).toEqual(execution({ fuelUsed: 0 }));
  expect(() => checkExecution({ ...before, fuelUsed: -1 }, 'line 1')).toThrow(
    'line 1: fuelUsed: expected an integer of 0 or more, got -1',
  );
});

const plainMeter = {
  meter: 'fuel',
  unit: 'G-fuel',
  unitQuantity: '1000000000',
  tiers: [{ priceUsd: '0.02' }],
  source: 'made up',
  asOf: '2026-11-21',
  confidence: 'low',
};
const plainBook = {
  id: 'fuel',
  provider: 'Ebb',
  service: 'fuel',
  region: 'any',
  bills: 'executions',
  period: 'month',
  notes: '',
};
