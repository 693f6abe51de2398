/**
 * Commitments: so much a clock hour is paid whether it is used or not, what is used of it costs less, and what is
 * beyond it costs the price on demand. It splits quantities hour by hour, in integers; it knows no provider.
 */
import { BillMeter } from './bill-meter.ts';
import { reduced } from './discount.ts';
import { CodedError } from './errors.ts';
import type { ExecutionRecord } from './execution.ts';
import type { InstanceRecord } from './instance.ts';
import { billedSpan } from './instance-quantity.ts';
import type { Invoice, InvoiceLine } from './invoice.ts';
import type { PriceBook, PriceMeter } from './price-book.ts';
import { type Decimal, decimalText, divideUp, US_PER_HOUR } from './units.ts';

/**
 * `spend`: so many dollars an hour at the plan's prices (AWS Savings Plans). `instances`: so many instances of the
 * size that is billed (reserved instances). Plan prices are those of the first tier, less `discountPercent`.
 */
export type Commitment =
  | { readonly kind: 'spend'; readonly usdPerHour: Decimal; readonly discountPercent: Decimal }
  | { readonly kind: 'instances'; readonly count: number; readonly discountPercent: Decimal };

/** One thing that a plan covers; both prices are for a unit of unitQuantity base quantities. */
export interface CoveredRate {
  readonly onDemandUsd: Decimal;
  readonly planUsd: Decimal;
  readonly unitQuantity: bigint;
}

const power = (scale: number): bigint => 10n ** BigInt(scale);
const less = (a: Decimal, b: Decimal): boolean => a.digits * power(b.scale) < b.digits * power(a.scale);

/** Whether a saves more of its price on demand than b: plan / on demand is smaller. */
function savesMore(a: CoveredRate, b: CoveredRate): boolean {
  const share = (x: CoveredRate, y: CoveredRate): bigint =>
    x.planUsd.digits * y.onDemandUsd.digits * power(x.onDemandUsd.scale) * power(y.planUsd.scale);
  return share(a, b) < share(b, a);
}

/** The highest saving first, of equal ones the lowest plan price: docs.aws.amazon.com/savingsplans, sp-applying, 2025. */
function inOrder(rates: readonly CoveredRate[]): number[] {
  const before = (a: CoveredRate, b: CoveredRate): boolean =>
    savesMore(a, b) || (!savesMore(b, a) && less(a.planUsd, b.planUsd));
  const compare = (a: CoveredRate, b: CoveredRate): number => (before(a, b) ? -1 : before(b, a) ? 1 : 0);
  return rates
    .map((_, at) => at)
    .sort((a, b) => compare(rates[a] as CoveredRate, rates[b] as CoveredRate) || a - b);
}

/**
 * How much of an hour's quantities a spend covers, rounded down to base quantities, in the order of `quantities`.
 * @param quantities base quantities, one for each rate.
 */
export function coverHour(
  rates: readonly CoveredRate[],
  quantities: readonly bigint[],
  usdPerHour: Decimal,
): readonly bigint[] {
  // What is left of the spend is the fraction left / per, so that no division rounds before the last one.
  let left = usdPerHour.digits;
  let per = power(usdPerHour.scale);
  const covered = quantities.map(() => 0n);
  for (const at of inOrder(rates)) {
    const { planUsd, unitQuantity } = rates[at] as CoveredRate;
    const quantity = quantities[at] as bigint;
    const whole = unitQuantity * power(planUsd.scale);
    if (quantity * planUsd.digits * per > left * whole) {
      covered[at] = (left * whole) / (per * planUsd.digits);
      break;
    }
    covered[at] = quantity;
    left = left * whole - quantity * planUsd.digits * per;
    per *= whole;
  }
  return covered;
}

/** What one month's commitment comes to; `onDemand` and `covered` have one quantity for each meter of the book. */
export interface Committed {
  readonly hours: number;
  readonly onDemand: readonly bigint[];
  readonly covered: readonly bigint[];
  /** All that is paid for the commitment, and what of it the covered quantities use up, rounded down. */
  readonly paidNanoUsd: bigint;
  readonly usedNanoUsd: bigint;
  readonly line: InvoiceLine;
}

const NANO_PER_USD = 1_000_000_000n;

/** Counts what a book bills hour by hour. @throws CodedError `prices-unfit` for a book with nothing to cover. */
export class CommitmentMeter {
  readonly book: PriceBook;
  readonly commitment: Commitment;
  /** Indices of the meters that are covered. */
  readonly #at: readonly number[];
  readonly #rates: readonly CoveredRate[];
  readonly #hours = new Map<number, bigint[]>();
  readonly #hourBills = new Map<number, BillMeter>();

  /** @param size which is billed; null in a book of executions. */
  constructor(book: PriceBook, commitment: Commitment, size: string | null) {
    this.book = book;
    this.commitment = commitment;
    const isCovered = ({ measure }: PriceMeter): boolean => {
      if (measure.kind === 'instance-time') return measure.size === size;
      if (commitment.kind === 'instances') return false;
      if (measure.kind === 'memory-time') return true;
      const isPart = measure.kind === 'instance-vcpu-time' || measure.kind === 'instance-memory-time';
      return isPart && measure.time === 'life';
    };
    this.#at = book.meters.flatMap((meter, at) => (isCovered(meter) ? [at] : []));
    if (this.#at.length === 0) throw nothingToCover(book, commitment);
    this.#rates = this.#at.map((at) => rateOf(book.meters[at] as PriceMeter, commitment));
  }

  /** Its billed time counts in the clock hours in which it lies, from its start on. */
  addInstance(instance: InstanceRecord): void {
    for (const [index, at] of this.#at.entries()) {
      const { startUs, lengthUs, perUs } = billedSpan(
        this.book,
        (this.book.meters[at] as PriceMeter).measure,
        instance,
      );
      const endUs = startUs + lengthUs;
      for (let fromUs = startUs; fromUs < endUs; ) {
        const hour = Math.floor(fromUs / US_PER_HOUR);
        const toUs = Math.min(endUs, (hour + 1) * US_PER_HOUR);
        this.#add(hour, index, BigInt(toUs - fromUs) * BigInt(perUs));
        fromUs = toUs;
      }
    }
  }

  /** It counts in the clock hour in which it arrived, whole. */
  addExecution(record: ExecutionRecord): void {
    const hour = Math.floor(record.arrivedAtUs / US_PER_HOUR);
    let bill = this.#hourBills.get(hour);
    if (bill === undefined) {
      bill = new BillMeter(this.book);
      this.#hourBills.set(hour, bill);
    }
    bill.addExecution(record);
  }

  /**
   * @param quantities of everything, as `BillMeter` has them. @param fromUs, toUs the period: each clock hour that it
   * touches is paid.
   */
  settle(quantities: readonly bigint[], fromUs: number, toUs: number): Committed {
    const hours = Math.max(1, Math.ceil(toUs / US_PER_HOUR) - Math.floor(fromUs / US_PER_HOUR));
    const covered = quantities.map(() => 0n);
    for (const used of this.#usedByHour()) {
      for (const [index, quantity] of this.#covers(used).entries()) {
        const at = this.#at[index] as number;
        covered[at] = (covered[at] as bigint) + quantity;
      }
    }
    const line = this.#line(hours);
    const usedNanoUsd = this.#at.reduce((sum, at, index) => {
      const { planUsd, unitQuantity } = this.#rates[index] as CoveredRate;
      return (
        sum +
        ((covered[at] as bigint) * planUsd.digits * NANO_PER_USD) / (unitQuantity * power(planUsd.scale))
      );
    }, 0n);
    const onDemand = quantities.map((quantity, at) => quantity - (covered[at] as bigint));
    return { hours, onDemand, covered, paidNanoUsd: line.amountNanoUsd, usedNanoUsd, line };
  }

  *#usedByHour(): Iterable<readonly bigint[]> {
    yield* this.#hours.values();
    for (const { quantities } of this.#hourBills.values())
      yield this.#at.map((at) => quantities[at] as bigint);
  }

  #covers(used: readonly bigint[]): readonly bigint[] {
    const commitment = this.commitment;
    if (commitment.kind === 'spend') return coverHour(this.#rates, used, commitment.usdPerHour);
    const mostUs = BigInt(commitment.count) * BigInt(US_PER_HOUR);
    return used.map((quantity) => (quantity < mostUs ? quantity : mostUs));
  }

  #line(hours: number): InvoiceLine {
    const commitment = this.commitment;
    const isSpend = commitment.kind === 'spend';
    const quantity = BigInt(hours) * (isSpend ? 1n : BigInt(commitment.count));
    const { planUsd, unitQuantity } = this.#rates[0] as CoveredRate;
    const price = isSpend ? commitment.usdPerHour : planUsd;
    const per = isSpend ? 1n : unitQuantity;
    const base = isSpend ? quantity : quantity * BigInt(US_PER_HOUR);
    return {
      meter: isSpend ? 'commitment' : 'reserved',
      tier: 1,
      quantity: base,
      unit: isSpend ? 'hour' : (this.book.meters[this.#at[0] as number] as PriceMeter).unit,
      unitQuantity: per,
      unitPriceUsd: decimalText(price),
      amountNanoUsd: divideUp(base * price.digits * NANO_PER_USD, per * power(price.scale)),
    };
  }

  #add(hour: number, index: number, quantity: bigint): void {
    let used = this.#hours.get(hour);
    if (used === undefined) {
      used = this.#at.map(() => 0n);
      this.#hours.set(hour, used);
    }
    used[index] = (used[index] as bigint) + quantity;
  }
}

function rateOf({ tiers, unitQuantity }: PriceMeter, { discountPercent }: Commitment): CoveredRate {
  const onDemandUsd = (tiers[0] as PriceMeter['tiers'][number]).priceUsd;
  return { onDemandUsd, planUsd: reduced(onDemandUsd, discountPercent), unitQuantity };
}

const nothingToCover = (book: PriceBook, { kind }: Commitment): CodedError =>
  new CodedError(
    'prices-unfit',
    `price book ${book.id} has nothing that a commitment covers; expected ${
      kind === 'spend'
        ? 'one that bills memory × time or the life of instances'
        : 'one that bills instances by size'
    }`,
    { priceBook: book.id },
  );

/** The commitment as an invoice of its own, to be added to the one on demand. */
export const commitmentInvoice = (book: PriceBook, { line }: Committed, freeTier: boolean): Invoice => ({
  priceBook: book.id,
  freeTier,
  lines: [line],
  totalNanoUsd: line.amountNanoUsd,
});
