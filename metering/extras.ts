/**
 * What stands beside functions and machines (gateways, load balancers, traffic, logs) becomes billable quantities
 * and further lines of an invoice. Everything that arrived passed the gateway, so rejected requests count here.
 */
import { CodedError } from './errors.ts';
import type { ExecutionRecord } from './execution.ts';
import type { Invoice } from './invoice.ts';
import type { CapacityTimeMeasure, Measure } from './measure.ts';
import type { PriceBook } from './price-book.ts';
import { ExactSum, roundUp, US_PER_HOUR } from './units.ts';

/** What a gateway sees of an execution. */
export type Passing = Pick<ExecutionRecord, 'arrivedAtUs' | 'bytesIn' | 'bytesOut'>;

/** What executions do not say about a billed month. */
export interface ExtrasPeriod {
  /** How long what stands there stood there; a month is HOURS_PER_MONTH hours. */
  readonly periodUs: number;
  /** Quantities that no record holds, by the names of the book's `stated` measures, for example `logBytes`. */
  readonly stated?: Readonly<Record<string, number>>;
}

interface Traffic {
  readonly requests: ExactSum;
  readonly bytesIn: ExactSum;
  readonly bytesOut: ExactSum;
}

const noTraffic = (): Traffic => ({
  requests: new ExactSum(),
  bytesIn: new ExactSum(),
  bytesOut: new ExactSum(),
});

/** Adds up what a book of extras bills. Clock hours are counted apart: capacity is billed by the hour. */
export class ExtrasMeter {
  readonly book: PriceBook;
  readonly #hours = new Map<number, Traffic>();

  /** @throws CodedError `prices-unfit` when the book is not one of extras. */
  constructor(book: PriceBook) {
    this.book = book;
    if (book.bills !== 'extras')
      throw new CodedError(
        'prices-unfit',
        `price book ${book.id} bills ${book.bills}; expected one that bills extras`,
      );
  }

  addExecution(record: Passing): void {
    const hour = this.#hour(Math.floor(record.arrivedAtUs / US_PER_HOUR));
    hour.requests.add(1);
    hour.bytesIn.add(record.bytesIn);
    hour.bytesOut.add(record.bytesOut);
  }

  /** Adds what another meter has counted: merging parts gives the same quantities as one meter for all. */
  merge(other: ExtrasMeter): void {
    for (const [at, traffic] of other.#hours) {
      const hour = this.#hour(at);
      for (const key of ['requests', 'bytesIn', 'bytesOut'] as const) hour[key].addBig(traffic[key].value);
    }
  }

  /**
   * One exact quantity for each meter of the book, as `makeInvoice` takes them.
   * @throws CodedError `prices-unfit` when the book needs a stated quantity that is not given.
   */
  quantities(period: ExtrasPeriod): readonly bigint[] {
    return this.book.meters.map(({ measure }) => this.#quantity(measure, period));
  }

  #quantity(measure: Measure, period: ExtrasPeriod): bigint {
    switch (measure.kind) {
      case 'requests':
        return this.#total(({ requests }) => requests.value);
      case 'bytes-out':
        return this.#total(({ bytesOut }) => bytesOut.value);
      case 'bytes-through':
        return this.#total(({ bytesIn, bytesOut }) => bytesIn.value + bytesOut.value);
      case 'period-time':
        return BigInt(roundUp(period.periodUs, measure.timeStepUs));
      case 'capacity-time':
        return this.#total((traffic) => capacityParts(measure, traffic));
      case 'stated':
        return this.#stated(measure.name, period);
      default:
        // Fees are added by the invoice; the rest is of other kinds of books, which the reader keeps apart.
        return 0n;
    }
  }

  #stated(name: string, { stated = {} }: ExtrasPeriod): bigint {
    const value = stated[name];
    if (Number.isSafeInteger(value) && (value as number) >= 0) return BigInt(value as number);
    throw new CodedError(
      'prices-unfit',
      `price book ${this.book.id} bills ${name}, which no record holds; expected it to be stated as an integer of 0 or more, got ${value}`,
      { priceBook: this.book.id, missing: name },
    );
  }

  #total(quantityOf: (traffic: Traffic) => bigint): bigint {
    let total = 0n;
    for (const traffic of this.#hours.values()) total += quantityOf(traffic);
    return total;
  }

  #hour(at: number): Traffic {
    const known = this.#hours.get(at);
    if (known !== undefined) return known;
    const traffic = noTraffic();
    this.#hours.set(at, traffic);
    return traffic;
  }
}

/** The larger of two shares of a unit-hour, both brought to the same denominator, so that no division rounds. */
function capacityParts(measure: CapacityTimeMeasure, traffic: Traffic): bigint {
  const byRequests = traffic.requests.value * BigInt(measure.bytesPerUnitHour);
  const bytes = traffic.bytesIn.value + traffic.bytesOut.value;
  const byBytes = bytes * BigInt(measure.requestsPerUnitHour);
  return byRequests > byBytes ? byRequests : byBytes;
}

/** An invoice with the lines of others after its own; their price books are joined by ` + `. */
export function addExtras(invoice: Invoice, extras: readonly Invoice[]): Invoice {
  const all = [invoice, ...extras];
  return {
    priceBook: all.map(({ priceBook }) => priceBook).join(' + '),
    freeTier: invoice.freeTier,
    lines: all.flatMap(({ lines }) => lines),
    totalNanoUsd: all.reduce((total, { totalNanoUsd }) => total + totalNanoUsd, 0n),
  };
}
