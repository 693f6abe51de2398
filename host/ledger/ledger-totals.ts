/** Totals over the ledger, by the one metering code that the simulator uses too. */
import { BillMeter } from '../../metering/bill-meter.ts';
import type { PriceBook } from '../../metering/price-book.ts';
import { reportUsage, UsageMeter, type UsageReport } from '../../metering/usage.ts';
import type { Ledger, LedgerFilter } from './ledger.ts';

export interface FunctionUsage extends UsageReport {
  readonly name: string;
}

/** Usage of each function that has entries, by name. */
export async function usageByFunction(ledger: Ledger, filter: LedgerFilter): Promise<FunctionUsage[]> {
  const meters = new Map<string, UsageMeter>();
  for await (const chunk of ledger.read(filter)) {
    for (const entry of chunk) {
      const meter = meters.get(entry.functionName) ?? new UsageMeter();
      meters.set(entry.functionName, meter);
      meter.add(entry);
    }
  }
  const byName = [...meters].sort(([a], [b]) => (a < b ? -1 : 1));
  return byName.map(([name, meter]) => ({ name, ...reportUsage(meter.usage) }));
}

/** What a price book bills for the entries, and how many executions that were. */
export async function billedQuantities(
  ledger: Ledger,
  filter: LedgerFilter,
  book: PriceBook,
): Promise<{ readonly executions: number; readonly quantities: readonly bigint[] }> {
  const bill = new BillMeter(book);
  bill.expect('executions');
  const usage = new UsageMeter();
  for await (const chunk of ledger.read(filter)) {
    for (const entry of chunk) {
      usage.add(entry);
      bill.addExecution(entry);
    }
  }
  return { executions: usage.usage.executions, quantities: bill.quantities };
}
