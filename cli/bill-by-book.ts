/** Prices what a host has recorded by a book that the host does not know: from its export, by the same metering. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { BillMeter } from '../metering/bill-meter.ts';
import { CodedError } from '../metering/errors.ts';
import { checkExecution } from '../metering/execution.ts';
import { type InvoiceReport, makeInvoice, reportInvoice } from '../metering/invoice.ts';
import type { PriceBook } from '../metering/price-book.ts';
import { UsageMeter } from '../metering/usage.ts';
import type { AdminClient } from './admin-client.ts';

const EXPORT = { format: 'ebb-executions', formatVersion: 1 } as const;

function parsed(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new CodedError(
      'trace-invalid',
      `expected the host's export to be JSON in each line, got ${JSON.stringify(line.slice(0, 40))} in line ${number}`,
    );
  }
}

function checkHeader(header: unknown): void {
  const { format, formatVersion } = (header ?? {}) as Readonly<Record<string, unknown>>;
  if (format === EXPORT.format && formatVersion === EXPORT.formatVersion) return;
  throw new CodedError(
    'trace-invalid',
    `expected an export of ${EXPORT.format} ${EXPORT.formatVersion} from the host, got ${JSON.stringify(header)}`,
  );
}

/** @throws CodedError `prices-unfit` when the book does not bill executions, before anything is asked for. */
export async function billByBook(
  client: AdminClient,
  query: Readonly<Record<string, string | undefined>>,
  book: PriceBook,
  options: { readonly freeTier: boolean },
): Promise<InvoiceReport & { readonly executions: number }> {
  const bill = new BillMeter(book);
  bill.expect('executions');
  const usage = new UsageMeter();
  const response = await client.response('/v1/executions/export', query);
  const body = Readable.fromWeb((response.body ?? new Blob([]).stream()) as ReadableStream);
  let number = 0;
  for await (const line of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
    const value = parsed(line, ++number);
    if (number === 1) {
      checkHeader(value);
      continue;
    }
    const record = checkExecution(value, `the host's export, line ${number}`);
    usage.add(record);
    bill.addExecution(record);
  }
  if (number === 0) checkHeader(null);
  const invoice = reportInvoice(makeInvoice(book, bill.quantities, options));
  return { executions: usage.usage.executions, ...invoice };
}
