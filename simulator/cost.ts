/**
 * What a replay costs: the platform's own invoice, what is provisioned or committed beside it, and the extras. It adds
 * invoices up and says what of them pays for nothing; metering prices each line.
 */
import { commitmentInvoice } from '../metering/commitment.ts';
import { type Invoice, type InvoiceReport, makeInvoice, reportInvoice } from '../metering/invoice.ts';
import { decimalText, divideUp, formatNanoUsd } from '../metering/units.ts';
import { idleNanoUsd } from './idle-cost.ts';
import type { Tally } from './tally.ts';

/** A commitment and what became of it. */
export interface CommitmentResult {
  /** USD an hour, or null for reserved instances. */
  readonly usdPerHour: number | null;
  /** Reserved instances, or null for USD an hour. */
  readonly instances: number | null;
  /** Off the prices on demand, in %. */
  readonly discount: number;
  /** Clock hours that the replay touches: each is paid. */
  readonly hours: number;
  readonly paidUsd: number;
  /** What of it was used, at the plan's prices. */
  readonly usedUsd: number;
}

export interface Costs {
  readonly totalNanoUsd: bigint;
  readonly idleNanoUsd: bigint;
  readonly lines: InvoiceReport['lines'];
  readonly commitment: CommitmentResult | null;
  /** Books of the extras. */
  readonly extras: readonly string[];
}

interface Settled {
  readonly onDemand: readonly bigint[];
  readonly invoices: readonly Invoice[];
  readonly result: CommitmentResult | null;
  readonly paidNanoUsd: bigint;
  readonly usedNanoUsd: bigint;
}

function settle(tally: Tally, fromUs: number, freeTier: boolean): Settled {
  const { bill, commitment: meter } = tally;
  if (meter === null) {
    return { onDemand: bill.quantities, invoices: [], result: null, paidNanoUsd: 0n, usedNanoUsd: 0n };
  }
  const settled = meter.settle(bill.quantities, fromUs, tally.endUs);
  const { commitment } = meter;
  const { onDemand, hours, paidNanoUsd, usedNanoUsd } = settled;
  const result = {
    usdPerHour: commitment.kind === 'spend' ? Number(decimalText(commitment.usdPerHour)) : null,
    instances: commitment.kind === 'instances' ? commitment.count : null,
    discount: Number(decimalText(commitment.discountPercent)),
    hours,
    paidUsd: Number(formatNanoUsd(paidNanoUsd)),
    usedUsd: Number(formatNanoUsd(usedNanoUsd)),
  };
  return {
    onDemand,
    invoices: [commitmentInvoice(bill.book, settled, freeTier)],
    result,
    paidNanoUsd,
    usedNanoUsd,
  };
}

/** @param fromUs when the replay begins. @param idleUs, aliveUs of the platform's instances, in the same unit. */
export function costsOf(
  tally: Tally,
  freeTier: boolean,
  fromUs: number,
  { idleUs, aliveUs }: { readonly idleUs: bigint; readonly aliveUs: bigint },
): Costs {
  const { bill, provisionedBill } = tally;
  const settled = settle(tally, fromUs, freeTier);
  const own = [makeInvoice(bill.book, settled.onDemand, { freeTier })];
  if (provisionedBill !== null) {
    own.push(makeInvoice(provisionedBill.book, provisionedBill.quantities, { freeTier }));
  }
  const ran = tally.usage.executions;
  const extras = tally.extras.invoices(tally.endUs - fromUs, ran, freeTier);
  const all = [...settled.invoices, ...own, ...extras];
  const isByLife = bill.book.bills === 'instances' && aliveUs > 0n;
  const usedIdle = isByLife ? divideUp(settled.usedNanoUsd * idleUs, aliveUs) : 0n;
  const unused = settled.paidNanoUsd - settled.usedNanoUsd;
  return {
    totalNanoUsd: all.reduce((total, { totalNanoUsd }) => total + totalNanoUsd, 0n),
    idleNanoUsd: idleNanoUsd(tally, own, idleUs, aliveUs) + unused + usedIdle,
    lines: all.flatMap((invoice) => reportInvoice(invoice).lines),
    commitment: settled.result,
    extras: extras.map(({ priceBook }) => priceBook),
  };
}
