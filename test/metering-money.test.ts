/** Money vectors that Ebb has to reproduce to the last digit. */
import { describe, expect, it } from 'vitest';
import { BillMeter } from '../metering/bill-meter.ts';
import { CodedError } from '../metering/errors.ts';
import { makeInvoice, reportInvoice } from '../metering/invoice.ts';
import { readPriceBook } from '../metering/price-book.ts';
import { PRICE_BOOK_IDS, priceBook } from '../metering/prices/catalogue.ts';
import { BYTES_PER_MB } from '../metering/units.ts';
import { execution } from './records.ts';

/** The invoice for `count` equal executions, counted once and multiplied exactly. */
function bill(
  bookId: string,
  count: bigint,
  use: Parameters<typeof execution>[0],
  options: { freeTier: boolean } = { freeTier: false },
) {
  const meter = new BillMeter(priceBook(bookId));
  meter.addExecution(execution(use));
  const quantities = meter.quantities.map((quantity) => quantity * count);
  return reportInvoice(makeInvoice(priceBook(bookId), quantities, options));
}

const lambdaUse = { runUs: 120_000, memoryBytesLimit: 512 * BYTES_PER_MB };

describe('AWS Lambda', () => {
  it('bills 10 million requests of 120 ms at 512 MB on x86 with 12.00002 USD', () => {
    expect(bill('aws-lambda-x86', 10_000_000n, lambdaUse)).toEqual({
      priceBook: 'aws-lambda-x86',
      freeTier: false,
      lines: [
        { meter: 'requests', tier: 1, quantity: 10, unit: '1M requests', unitPriceUsd: 0.2, amountUsd: 2 },
        {
          meter: 'duration',
          tier: 1,
          quantity: 600_000,
          unit: 'GB-s',
          unitPriceUsd: 0.0000166667,
          amountUsd: 10.00002,
        },
      ],
      totalUsd: 12.00002,
    });
  });

  it('bills the same on arm with 10.00004 USD', () => {
    expect(bill('aws-lambda-arm', 10_000_000n, lambdaUse).totalUsd).toBe(10.00004);
  });

  it('bills the same on x86 after the free tier with 5.13334 USD', () => {
    const invoice = bill('aws-lambda-x86', 10_000_000n, lambdaUse, { freeTier: true });
    expect(invoice.totalUsd).toBe(5.13334);
    expect(invoice.lines.map((line) => [line.meter, line.tier, line.quantity])).toEqual([
      ['requests', 0, 1],
      ['requests', 1, 9],
      ['duration', 0, 400_000],
      ['duration', 1, 200_000],
    ]);
  });

  it('climbs the tiers: 16 billion GB-s take 6, 9 and 1 billion at their own prices', () => {
    const second = { runUs: 1_000_000, memoryBytesLimit: 1024 * BYTES_PER_MB };
    const duration = bill('aws-lambda-x86', 16_000_000_000n, second).lines.filter(
      (line) => line.meter === 'duration',
    );
    expect(duration.map((line) => [line.tier, line.quantity, line.amountUsd])).toEqual([
      [1, 6e9, 100_000.2],
      [2, 9e9, 135_000],
      [3, 1e9, 13_333.4],
    ]);
  });

  it('rounds start-up and run together up to the next millisecond and memory up to 128 MB', () => {
    const use = { startupUs: 400, runUs: 700, memoryBytesLimit: 64 * BYTES_PER_MB };
    const duration = bill('aws-lambda-x86', 1_000_000n, use).lines[1];
    expect(duration?.quantity).toBe((0.002 * 128 * 1_000_000) / 1024);
  });
});

describe('other books of functions', () => {
  it('Cloudflare Workers: 15 million requests of 7 CPU-ms cost 8.00 USD', () => {
    expect(bill('cloudflare-workers', 15_000_000n, { cpuUs: 7_000 }).totalUsd).toBe(8);
  });

  it('Cloudflare Workers: the base fee is charged although nothing ran', () => {
    expect(bill('cloudflare-workers', 0n, {}).totalUsd).toBe(5);
  });

  it('Azure Functions: 3 million seconds at 1.5 GB cost 66.00 USD after the free grant', () => {
    const use = { runUs: 1_000_000, memoryBytesPeak: 1536 * BYTES_PER_MB };
    expect(bill('azure-functions', 3_000_000n, use, { freeTier: true }).totalUsd).toBe(66);
  });

  it('Azure Functions: 1 ms at 1 MB is billed as 100 ms at 128 MB', () => {
    const use = { runUs: 1_000, memoryBytesPeak: BYTES_PER_MB };
    expect(bill('azure-functions', 80n, use).lines[1]?.quantity).toBe(1);
  });

  it('Cloud Run: 10 million requests of 200 ms at 1 vCPU and 0.5 GiB cost 48.48 USD after the free tier', () => {
    const use = { runUs: 200_000, memoryBytesLimit: 512 * BYTES_PER_MB };
    const invoice = bill('gcp-cloud-run', 10_000_000n, use, { freeTier: true });
    const paid = invoice.lines.filter((line) => line.tier > 0);
    expect(paid.map((line) => [line.meter, line.amountUsd])).toEqual([
      ['requests', 3.2],
      ['cpu', 43.68],
      ['memory', 1.6],
    ]);
    expect(invoice.totalUsd).toBe(48.48);
  });
});

describe('books of instances', () => {
  const hourUsd = (size: string) => {
    const meter = new BillMeter(priceBook('aws-ec2'));
    meter.addInstance({ size, startedAtUs: 0, endedAtUs: 3_600_000_000 });
    return reportInvoice(makeInvoice(priceBook('aws-ec2'), meter.quantities, { freeTier: false })).totalUsd;
  };

  it.each([
    ['t4g.small', 4.5161],
    ['t3.medium', 11.1828],
    ['m7g.large', 21.9354],
  ])('one %s costs what Lambda does (512 MB, 100 ms, no free tier) at %d requests/s', (size, perSecond) => {
    const use = { runUs: 100_000, memoryBytesLimit: 512 * BYTES_PER_MB };
    const perRequestUsd = bill('aws-lambda-x86', 1_000_000n, use).totalUsd / 1e6;
    expect(Number((hourUsd(size) / 3600 / perRequestUsd).toFixed(4))).toBe(perSecond);
  });

  it('bills an instance of 1 s as 60 s, and one of 60.2 s as 61 s', () => {
    const billedSeconds = (lifeUs: number) => {
      const meter = new BillMeter(priceBook('aws-ec2'));
      meter.addInstance({ size: 'm7g.large', startedAtUs: 5, endedAtUs: 5 + lifeUs });
      return Number(meter.quantities.reduce((sum, quantity) => sum + quantity)) / 1e6;
    };
    expect([billedSeconds(1_000_000), billedSeconds(60_200_000)]).toEqual([60, 61]);
  });

  it('never bills a Heroku dyno for more than its month', () => {
    const meter = new BillMeter(priceBook('heroku'));
    meter.addInstance({ size: 'Performance-M', startedAtUs: 0, endedAtUs: 744 * 3_600_000_000 });
    expect(
      reportInvoice(makeInvoice(priceBook('heroku'), meter.quantities, { freeTier: false })).totalUsd,
    ).toBe(250);
  });

  it('refuses a size that the book does not sell, naming those it does', () => {
    const meter = new BillMeter(priceBook('aws-ec2'));
    expect(() => meter.addInstance({ size: 'm7g.huge', startedAtUs: 0, endedAtUs: 1 })).toThrow(
      /aws-ec2 has no size m7g\.huge; it has t4g\.small, /,
    );
  });

  it('refuses to bill executions by the instance', () => {
    expect(() => new BillMeter(priceBook('heroku')).addExecution(execution({}))).toThrow(CodedError);
  });
});

describe('price books', () => {
  it.each(PRICE_BOOK_IDS)('%s is checked and says source and date of each price', (id) => {
    const book = priceBook(id);
    expect(book.id).toBe(id);
    for (const meter of book.meters) {
      expect(meter.source).not.toBe('');
      expect(meter.asOf).toMatch(/^(20\d\d|undated)/);
    }
  });

  it('names the books there are when one is unknown', () => {
    expect(() => priceBook('aws-lambada')).toThrow(/no price book "aws-lambada"; there are aws-lambda-x86, /);
  });

  it('lists every fault of a bad book at once, with its path', () => {
    const bad = {
      id: 'mine',
      provider: 'Me',
      service: 'S',
      region: 'here',
      bills: 'executions',
      period: 'month',
      notes: 'n',
      meters: [
        {
          meter: 'm',
          measure: { kind: 'requests', every: 3 },
          unit: '',
          unitQuantity: '1.5',
          tiers: [{ upTo: '5', priceUsd: 1 }],
          source: 's',
          asOf: 'long ago',
        },
      ],
      price: 3,
    };
    let fault: CodedError | undefined;
    try {
      readPriceBook(bad);
    } catch (thrown) {
      fault = thrown as CodedError;
    }
    expect(fault?.code).toBe('prices-invalid');
    for (const path of [
      'book.price',
      'book.meters[0].measure.every',
      'book.meters[0].unit:',
      'book.meters[0].unitQuantity',
      'book.meters[0].tiers[0].upTo',
      'book.meters[0].tiers[0].priceUsd',
      'book.meters[0].asOf',
    ]) {
      expect(fault?.message).toContain(path);
    }
  });
});
