/** Books of instances: laws that hold for any instances, and what is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BillMeter } from '../metering/bill-meter.ts';
import { BusySpans, type InstanceRecord } from '../metering/instance.ts';
import { makeInvoice } from '../metering/invoice.ts';
import type { PriceBook } from '../metering/price-book.ts';
import { PRICE_BOOK_IDS, priceBook } from '../metering/prices/catalogue.ts';
import { sizeMonthNanoUsd } from '../metering/size-price.ts';
import { BYTES_PER_MB, US_PER_HOUR } from '../metering/units.ts';
import { anyInstance, execution } from './records.ts';

const BOOKS = PRICE_BOOK_IDS.map((id) => priceBook(id)).filter(({ bills }) => bills === 'instances');
const anyBook = fc.constantFrom(...BOOKS);
const instances = fc.array(anyInstance, { maxLength: 12 });

/** Instances as the book sells them: of its sizes, in turn. */
const inSizes = (book: PriceBook, list: readonly InstanceRecord[]): InstanceRecord[] =>
  list.map((instance, index) => ({
    ...instance,
    size: book.sizes[index % book.sizes.length]?.name ?? 'any',
  }));

function quantitiesOf(book: PriceBook, list: readonly InstanceRecord[]): readonly bigint[] {
  const meter = new BillMeter(book);
  for (const instance of list) meter.addInstance(instance);
  return meter.quantities;
}

describe('instances and bills', () => {
  it('do not depend on the order of the instances, nor on how they are split', () => {
    fc.assert(
      fc.property(instances, fc.nat({ max: 12 }), anyBook, (list, at, book) => {
        const sold = inSizes(book, list);
        const parts = new BillMeter(book);
        for (const part of [sold.slice(at), sold.slice(0, at)]) parts.merge(quantitiesOf(book, part));
        expect(parts.quantities).toEqual(quantitiesOf(book, sold));
      }),
    );
  });

  it('never shrink when an instance is added', () => {
    fc.assert(
      fc.property(instances, anyInstance, anyBook, (list, more, book) => {
        const sold = inSizes(book, [...list, more]);
        const before = quantitiesOf(book, sold.slice(0, -1));
        for (const [index, quantity] of quantitiesOf(book, sold).entries()) {
          expect(quantity).toBeGreaterThanOrEqual(before[index] as bigint);
        }
      }),
    );
  });

  it('never round below the real use: life, busy spans and kept time, each × what the instance has', () => {
    fc.assert(
      fc.property(anyInstance, (instance) => {
        const lifeUs = BigInt(instance.endedAtUs - instance.startedAtUs);
        const [vcpu, memory] = quantitiesOf(priceBook('aws-fargate-x86'), [instance]) as [bigint, bigint];
        expect(vcpu).toBeGreaterThanOrEqual(lifeUs * BigInt(instance.vcpuMilli));
        expect(memory).toBeGreaterThanOrEqual(lifeUs * BigInt(instance.memoryBytes));
        const run = quantitiesOf(priceBook('gcp-cloud-run-concurrent'), [instance]) as bigint[];
        const busyUs = Array.from(instance.busySpansUs).reduce((sum, us) => sum + BigInt(us), 0n);
        expect(run[1]).toBeGreaterThanOrEqual(busyUs * BigInt(instance.vcpuMilli));
        expect(run[2]).toBeGreaterThanOrEqual(busyUs * BigInt(instance.memoryBytes));
        expect(run[3]).toBeGreaterThanOrEqual(BigInt(instance.keptUs) * BigInt(instance.vcpuMilli));
        expect(run[0]).toBe(BigInt(instance.requests));
      }),
    );
  });

  it('agree with the book of executions where one instance serves one request at once', () => {
    const runs = fc.array(fc.record({ gapUs: fc.nat({ max: 5_000 }), runUs: fc.nat({ max: 2 ** 31 - 1 }) }));
    fc.assert(
      fc.property(runs, (list) => {
        const memoryBytes = 512 * BYTES_PER_MB;
        const spans = new BusySpans();
        const executions = new BillMeter(priceBook('gcp-cloud-run'));
        let nowUs = 0;
        for (const { gapUs, runUs } of list) {
          spans.start(nowUs + gapUs);
          nowUs += gapUs + runUs;
          spans.end(nowUs);
          executions.addExecution(execution({ runUs, memoryBytesLimit: memoryBytes }));
        }
        const instance = {
          size: '1vcpu-512mb',
          startedAtUs: 0,
          endedAtUs: nowUs,
          busySpansUs: spans.lengthsUs,
          keptUs: 0,
          requests: list.length,
        };
        const shared = quantitiesOf(priceBook('gcp-cloud-run-concurrent'), [instance]);
        expect(shared.slice(0, 3)).toEqual(executions.quantities);
      }),
    );
  });
});

describe('busy spans', () => {
  it('cover exactly the time in which a request was in flight, whatever overlaps', () => {
    const request = fc.record({ startUs: fc.nat({ max: 60 }), runUs: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(fc.array(request), (requests) => {
        const spans = new BusySpans();
        const busy = new Set<number>();
        for (let nowUs = 0; nowUs <= 80; nowUs++) {
          for (const { startUs, runUs } of requests) if (startUs + runUs === nowUs) spans.end(nowUs);
          for (const { startUs, runUs } of requests) {
            if (startUs === nowUs) spans.start(nowUs);
            if (startUs <= nowUs && nowUs < startUs + runUs) busy.add(nowUs);
          }
        }
        expect(spans.lengthsUs.reduce((sum, us) => sum + us, 0)).toBe(busy.size);
      }),
    );
  });

  it('are of their own for requests that follow at once, one for requests that overlap', () => {
    const spans = new BusySpans();
    spans.start(0);
    spans.end(100);
    spans.start(100);
    spans.start(150);
    spans.end(180);
    spans.end(230);
    expect(spans.lengthsUs).toEqual([100, 130]);
  });

  it('refuse the end of a request that never started', () => {
    expect(() => new BusySpans().end(1)).toThrow('a request ended that never started');
  });
});

describe('what is refused', () => {
  const life = { size: 'mine', startedAtUs: 0, endedAtUs: US_PER_HOUR };
  const bill = (id: string, instance: InstanceRecord) => quantitiesOf(priceBook(id), [instance]);

  it.each([
    ['aws-app-runner', 'busySpansUs', {}],
    ['gcp-cloud-run-concurrent', 'requests', { busySpansUs: [1] }],
    ['gcp-cloud-run-concurrent', 'keptUs', { busySpansUs: [1], requests: 1 }],
    ['vercel-fluid-concurrent', 'cpuUs', { requests: 1 }],
  ])('%s is not billed without %s', (id, missing, said) => {
    const instance = { ...life, vcpuMilli: 1_000, memoryBytes: 1, ...said };
    expect(() => bill(id, instance)).toThrow(
      expect.objectContaining({ code: 'prices-unfit', details: { priceBook: id, missing } }),
    );
  });

  it('a size that is neither listed nor said', () => {
    expect(() => bill('aws-fargate-x86', life)).toThrow(
      /has no size mine; it has 0\.25vcpu-0\.5gb, 0\.5vcpu-1gb/,
    );
    expect(() => bill('render', { ...life, vcpuMilli: 1, memoryBytes: 1 })).toThrow(
      /render has no size mine/,
    );
  });

  it('more Eco hours than there are in a month', () => {
    const book = priceBook('heroku-eco');
    const hours = (count: number) => [0n, BigInt(count) * BigInt(US_PER_HOUR)];
    expect(makeInvoice(book, hours(1_000), { freeTier: false }).totalNanoUsd).toBe(5_000_000_000n);
    expect(() => makeInvoice(book, hours(1_001), { freeTier: false })).toThrow(
      'price book heroku-eco prices at most 1000 dyno-hour of Eco a month, got 1001',
    );
  });
});

describe('prices of sizes', () => {
  it('compare all sizes of all books, fees left out', () => {
    for (const book of BOOKS) {
      for (const { name } of book.sizes)
        expect(sizeMonthNanoUsd(book, name) > 0n, `${book.id} ${name}`).toBe(book.id !== 'heroku-eco');
    }
    expect(sizeMonthNanoUsd(priceBook('aws-ec2'), 't3.medium')).toBe(30_368_000_000n);
  });
});
