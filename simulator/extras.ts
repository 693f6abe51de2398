/**
 * What stands beside a platform in a simulation: gateways, load balancers, traffic, logs. It chooses the books, says
 * what is missing for them before anything runs, and counts what passes by; metering prices it.
 */
import { CodedError } from '../metering/errors.ts';
import type { ExecutionRecord } from '../metering/execution.ts';
import { ExtrasMeter } from '../metering/extras.ts';
import { type Invoice, makeInvoice } from '../metering/invoice.ts';
import type { Measure } from '../metering/measure.ts';
import type { PriceBook } from '../metering/price-book.ts';
import { PRICE_BOOK_IDS, priceBook } from '../metering/prices/catalogue.ts';
import type { Scenario } from './scenario.ts';
import { isStream, type Replayable } from './traces/trace.ts';

/** Bytes of a request that the trace does not say; null where it does, or where nobody asks. */
export interface ExtrasPlan {
  readonly books: readonly PriceBook[];
  readonly requestBytes: number | null;
  readonly responseBytes: number | null;
  /** Quantities of a request that ran, by the names of the books' `stated` measures. */
  readonly stated: Readonly<Record<string, number>>;
}

type Bytes = 'requestBytes' | 'responseBytes';
const COLUMNS = { requestBytes: 'bytesIn', responseBytes: 'bytesOut' } as const;
const STATED = ['logBytes', 'natBytes'] as const;

const bytesNeeded = (measure: Measure): readonly Bytes[] => {
  if (measure.kind === 'bytes-out') return ['responseBytes'];
  const isBoth = measure.kind === 'bytes-through' || measure.kind === 'capacity-time';
  return isBoth ? ['requestBytes', 'responseBytes'] : [];
};

/** Formats without sizes leave the column out or full of zeros. */
const says = (trace: Replayable, bytes: Bytes): boolean => {
  const column = COLUMNS[bytes];
  return isStream(trace)
    ? trace.hasSizes(column)
    : trace.columns[column]?.some((value) => value > 0) === true;
};

const unfit = (book: PriceBook, message: string): CodedError =>
  new CodedError('prices-unfit', message, { priceBook: book.id });

function checkBook(book: PriceBook, scenario: Scenario, trace: Replayable): void {
  if (book.bills !== 'extras') {
    const there = PRICE_BOOK_IDS.filter((id) => priceBook(id).bills === 'extras').join(', ');
    throw unfit(book, `extras: ${book.id} bills ${book.bills}; expected one of ${there}`);
  }
  for (const { measure } of book.meters) {
    for (const bytes of bytesNeeded(measure)) {
      if (scenario[bytes] !== null || says(trace, bytes)) continue;
      throw unfit(
        book,
        `${bytes}: expected the bytes of one, which ${book.id} bills and ${trace.name} does not say`,
      );
    }
    if (measure.kind !== 'stated') continue;
    const name = STATED.find((known) => known === measure.name);
    if (name === undefined)
      throw unfit(
        book,
        `extras: ${book.id} bills ${measure.name}; a simulation knows ${STATED.join(' and ')} alone`,
      );
    if (scenario[name] === null)
      throw unfit(book, `${name}: expected the bytes of one request, which ${book.id} bills`);
  }
}

/** @throws CodedError `prices-unknown`, `prices-unfit`, or `config-invalid` for bytes that the trace says itself. */
export function planExtras(scenario: Scenario, trace: Replayable): ExtrasPlan {
  const books = scenario.extras.map((book) => (typeof book === 'string' ? priceBook(book) : book));
  for (const book of books) checkBook(book, scenario, trace);
  for (const bytes of ['requestBytes', 'responseBytes'] as const) {
    if (scenario[bytes] === null || !says(trace, bytes)) continue;
    throw new CodedError(
      'config-invalid',
      `${bytes}: is for traces that do not say it, and ${trace.name} does; expected it to be left out, got ${scenario[bytes]}`,
    );
  }
  const stated = Object.fromEntries(STATED.map((name) => [name, scenario[name] ?? 0]));
  return { books, requestBytes: scenario.requestBytes, responseBytes: scenario.responseBytes, stated };
}

export class ExtrasTally {
  readonly #plan: ExtrasPlan;
  /** null: nothing stands beside. */
  readonly #meter: ExtrasMeter | null;

  constructor(plan: ExtrasPlan) {
    this.#plan = plan;
    const first = plan.books[0];
    this.#meter = first === undefined ? null : new ExtrasMeter(first);
  }

  execution(record: ExecutionRecord): void {
    if (this.#meter === null) return;
    const { requestBytes, responseBytes } = this.#plan;
    const isAnswered = record.outcome !== 'rejected' && record.outcome !== 'interrupted';
    this.#meter.addExecution({
      arrivedAtUs: record.arrivedAtUs,
      bytesIn: requestBytes ?? record.bytesIn,
      bytesOut: isAnswered ? (responseBytes ?? record.bytesOut) : 0,
    });
  }

  /** @param ran how many requests ran. */
  invoices(periodUs: number, ran: number, freeTier: boolean): readonly Invoice[] {
    const counted = this.#meter;
    if (counted === null) return [];
    const stated = Object.fromEntries(
      Object.entries(this.#plan.stated).map(([name, one]) => [name, one * ran]),
    );
    return this.#plan.books.map((book) => {
      const meter = new ExtrasMeter(book);
      meter.merge(counted);
      return makeInvoice(book, meter.quantities({ periodUs, stated }), { freeTier });
    });
  }
}
