/** What sizes of one book of instances cost beside each other, however the book prices them. */
import { BillMeter } from './bill-meter.ts';
import { makeInvoice } from './invoice.ts';
import type { PriceBook } from './price-book.ts';
import { HOURS_PER_MONTH, US_PER_HOUR } from './units.ts';

/**
 * The price of one instance of a size for a month in which it is busy all the time, in nano-dollars, without the
 * free tier and without fees: for comparing the sizes of a book, not for bills.
 * @throws CodedError `prices-unfit` for a size that the book does not have, or a book of something else.
 */
export function sizeMonthNanoUsd(book: PriceBook, size: string): bigint {
  const monthUs = HOURS_PER_MONTH * US_PER_HOUR;
  const meter = new BillMeter(book);
  meter.addInstance({
    size,
    startedAtUs: 0,
    endedAtUs: monthUs,
    busySpansUs: [monthUs],
    keptUs: 0,
    cpuUs: monthUs,
    requests: 0,
  });
  const invoice = makeInvoice(book, meter.quantities, { freeTier: false });
  const fees = book.meters.filter(({ measure }) => measure.kind === 'base-fee').map((fee) => fee.meter);
  return invoice.lines.reduce(
    (total, line) => (fees.includes(line.meter) ? total : total + line.amountNanoUsd),
    0n,
  );
}
