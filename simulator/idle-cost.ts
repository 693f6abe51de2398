/** How much of an invoice pays for idle time, by what each of its lines measures. It adds up; it prices nothing. */
import type { Invoice } from '../metering/invoice.ts';
import type { Measure } from '../metering/measure.ts';
import { divideUp } from '../metering/units.ts';
import type { Tally } from './tally.ts';

/** `all` of the line, the idle share of what was `alive`, or nothing of it. */
function idlePart(measure: Measure | undefined): 'all' | 'alive' | 'none' {
  if (measure?.kind === 'instance-time') return 'alive';
  if (measure?.kind !== 'instance-vcpu-time' && measure?.kind !== 'instance-memory-time') return 'none';
  return measure.time === 'kept' ? 'all' : measure.time === 'life' ? 'alive' : 'none';
}

/** @param idleUs, aliveUs of the platform's own instances, in the same unit. */
export function idleNanoUsd(
  tally: Tally,
  invoices: readonly Invoice[],
  idleUs: bigint,
  aliveUs: bigint,
): bigint {
  let total = 0n;
  for (const [index, invoice] of invoices.entries()) {
    const book = index === 0 ? tally.bill.book : tally.provisionedBill?.book;
    const provisionedUs = tally.provisionedAliveUs;
    const [idle, alive] =
      index === 0 ? [idleUs, aliveUs] : [provisionedUs - tally.provisionedBusyUs, provisionedUs];
    for (const { meter, amountNanoUsd } of invoice.lines) {
      const part = idlePart(book?.meters.find((candidate) => candidate.meter === meter)?.measure);
      if (part === 'all') total += amountNanoUsd;
      else if (part === 'alive' && alive > 0n) total += divideUp(amountNanoUsd * idle, alive);
    }
  }
  return total;
}
