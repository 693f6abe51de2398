/** An invoice as a table of text. */
import type { InvoiceReport } from '../metering/invoice.ts';
import { textTable } from './output.ts';

export function invoiceTable(invoice: Pick<InvoiceReport, 'lines' | 'totalUsd'>): string {
  const rows = invoice.lines.map((line) => {
    const tier = line.tier === 0 ? 'free' : `tier ${line.tier}`;
    return [
      line.meter,
      tier,
      `${line.quantity} ${line.unit}`,
      `${line.unitPriceUsd} USD`,
      line.amountUsd.toFixed(9),
    ];
  });
  return textTable(
    ['meter', 'tier', 'quantity', 'price a unit', 'amount USD'],
    [...rows, ['total', '', '', '', invoice.totalUsd.toFixed(9)]],
  );
}
