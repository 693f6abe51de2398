/** Extras: what stands beside functions and machines, by hand and by law. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BillMeter } from '../metering/bill-meter.ts';
import type { ExecutionRecord } from '../metering/execution.ts';
import { addExtras, ExtrasMeter, type ExtrasPeriod } from '../metering/extras.ts';
import { makeInvoice, reportInvoice } from '../metering/invoice.ts';
import { PRICE_BOOK_IDS, priceBook } from '../metering/prices/catalogue.ts';
import { BYTES_PER_GB, BYTES_PER_MB, HOURS_PER_MONTH, US_PER_HOUR } from '../metering/units.ts';
import { anyExecution, execution } from './records.ts';

const MONTH = { periodUs: HOURS_PER_MONTH * US_PER_HOUR };
const EXTRAS = PRICE_BOOK_IDS.filter((id) => priceBook(id).bills === 'extras');

function quantitiesOf(id: string, list: readonly ExecutionRecord[], period: ExtrasPeriod = MONTH) {
  const meter = new ExtrasMeter(priceBook(id));
  for (const record of list) meter.addExecution(record);
  return meter.quantities(period);
}

const invoiceOf = (id: string, quantities: readonly bigint[], freeTier = false) =>
  makeInvoice(priceBook(id), quantities, { freeTier });

const amounts = (id: string, quantities: readonly bigint[], freeTier = false) =>
  reportInvoice(invoiceOf(id, quantities, freeTier)).lines.map((line) => line.amountUsd);

describe('extras', () => {
  it('API Gateway: 2.5 million requests cost 8.75 USD, rejected ones included', () => {
    const [quantity] = quantitiesOf('aws-api-gateway', [execution({ outcome: 'rejected' })]);
    expect(amounts('aws-api-gateway', [(quantity as bigint) * 2_500_000n])).toEqual([8.75]);
  });

  it('load balancer: each hour takes the larger of requests and bytes', () => {
    const busy = Array.from({ length: 90_000 }, () => execution({}));
    const large = execution({ arrivedAtUs: US_PER_HOUR, bytesIn: BYTES_PER_GB, bytesOut: 2 * BYTES_PER_GB });
    const quantities = quantitiesOf('aws-alb', [...busy, large]);
    // 730 × 0.0225; the first hour 1 LCU by its 25 requests a second, the second 3 by its 3 GB: 4 × 0.008
    expect(amounts('aws-alb', quantities)).toEqual([16.425, 0.032]);
    const sameHour = quantitiesOf('aws-alb', [...busy, { ...large, arrivedAtUs: 0 }]);
    expect(amounts('aws-alb', sameHour)).toEqual([16.425, 0.024]);
  });

  it('load balancer: a part of an hour is an hour', () => {
    expect(amounts('aws-alb', quantitiesOf('aws-alb', [], { periodUs: 1 }))).toEqual([0.0225]);
  });

  it('NAT gateway: a month and 100 GB cost 32.85 and 4.50 USD', () => {
    const period = { ...MONTH, stated: { natBytes: 100 * BYTES_PER_GB } };
    expect(amounts('aws-nat-gateway', quantitiesOf('aws-nat-gateway', [], period))).toEqual([32.85, 4.5]);
  });

  it('logs: 10 GB cost 5 USD, and are not guessed when nobody states them', () => {
    const stated = { logBytes: 10 * BYTES_PER_GB };
    expect(amounts('aws-logs', quantitiesOf('aws-logs', [], { ...MONTH, stated }))).toEqual([5]);
    expect(() => quantitiesOf('aws-logs', [])).toThrow(
      'price book aws-logs bills logBytes, which no record holds; expected it to be stated as an integer of 0 or more, got undefined',
    );
  });

  it('traffic: 60 TB climb three tiers, 151 TB have no price', () => {
    const [tb] = quantitiesOf('aws-egress', [execution({ bytesOut: 1024 * BYTES_PER_GB })]) as [bigint];
    // 10,240 × 0.09; 40,960 × 0.085; 10,240 × 0.07
    expect(amounts('aws-egress', [tb * 60n])).toEqual([921.6, 3481.6, 716.8]);
    expect(() => invoiceOf('aws-egress', [tb * 151n])).toThrow(/prices at most 153600 GB of traffic out/);
    expect(amounts('gcp-egress', [tb], true)).toEqual([0, 122.76]); // 1,023 × 0.12
    expect(amounts('fly-egress', [tb])).toEqual([20.48]);
  });

  it('become further lines of an invoice, and the sum its total', () => {
    const lambda = new BillMeter(priceBook('aws-lambda-x86'));
    lambda.addExecution(execution({ runUs: 120_000, memoryBytesLimit: 512 * BYTES_PER_MB }));
    const times = 10_000_000n;
    const quantities = lambda.quantities.map((quantity) => quantity * times);
    const invoice = invoiceOf('aws-lambda-x86', quantities);
    const both = addExtras(invoice, [invoiceOf('aws-api-gateway', [times])]);
    expect(reportInvoice(both)).toMatchObject({
      priceBook: 'aws-lambda-x86 + aws-api-gateway',
      totalUsd: 47.00002,
      lines: [{ meter: 'requests' }, { meter: 'duration' }, { meter: 'API Gateway requests', amountUsd: 35 }],
    });
    expect(addExtras(invoice, [])).toEqual(invoice);
  });

  it('are the same in any order and however the records are split', () => {
    const records = fc.array(anyExecution, { maxLength: 30 });
    const stated = { logBytes: 5, natBytes: 6 };
    fc.assert(
      fc.property(records, fc.nat({ max: 30 }), fc.constantFrom(...EXTRAS), (list, at, id) => {
        const whole = quantitiesOf(id, list, { ...MONTH, stated });
        const merged = new ExtrasMeter(priceBook(id));
        for (const part of [list.slice(at), list.slice(0, at)]) {
          const meter = new ExtrasMeter(priceBook(id));
          for (const record of part) meter.addExecution(record);
          merged.merge(meter);
        }
        expect(merged.quantities({ ...MONTH, stated })).toEqual(whole);
      }),
    );
  });

  it('bill a load balancer for no less than all requests, and no less than all bytes', () => {
    fc.assert(
      fc.property(fc.array(anyExecution, { maxLength: 30 }), (list) => {
        const [, parts] = quantitiesOf('aws-alb', list) as [bigint, bigint];
        const bytes = list.reduce((sum, record) => sum + BigInt(record.bytesIn + record.bytesOut), 0n);
        expect(parts).toBeGreaterThanOrEqual(BigInt(list.length) * BigInt(BYTES_PER_GB));
        expect(parts).toBeGreaterThanOrEqual(bytes * 90_000n);
      }),
    );
  });

  it('bill a period for no less than it lasts, in whole hours, and what is stated as it is stated', () => {
    const natBytes = fc.maxSafeNat();
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 - 1 }), natBytes, (periodUs, bytes) => {
        const period = { periodUs, stated: { natBytes: bytes } };
        const [hours, stated] = quantitiesOf('aws-nat-gateway', [], period) as [bigint, bigint];
        expect(hours % BigInt(US_PER_HOUR)).toBe(0n);
        expect(hours >= BigInt(periodUs) && hours < BigInt(periodUs + US_PER_HOUR)).toBe(true);
        expect(stated).toBe(BigInt(bytes));
      }),
    );
  });

  it('are counted by their own meter alone', () => {
    expect(() => new ExtrasMeter(priceBook('heroku'))).toThrow(
      'price book heroku bills instances; expected one that bills extras',
    );
    expect(() => new BillMeter(priceBook('aws-alb')).addExecution(execution({}))).toThrow(
      'price book aws-alb bills extras; expected one that bills executions',
    );
  });
});
