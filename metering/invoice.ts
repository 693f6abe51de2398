/**
 * Billable quantities become money, line by line. Totals are priced once, exactly, and only a line's amount is
 * rounded (up, to the nano-dollar), so the same executions give the same invoice whoever counted them.
 */
import { CodedError } from './errors.ts';
import type { PriceBook, PriceMeter } from './price-book.ts';
import { type Decimal, divideUp, formatNanoUsd, formatQuotient } from './units.ts';

/** One line: an exact quantity in base quantities of its meter, at one price. */
export interface InvoiceLine {
  readonly meter: string;
  /** 1 for the first tier of a price; 0 for what is free or included. */
  readonly tier: number;
  readonly quantity: bigint;
  readonly unit: string;
  readonly unitQuantity: bigint;
  readonly unitPriceUsd: string;
  readonly amountNanoUsd: bigint;
}

export interface Invoice {
  readonly priceBook: string;
  readonly freeTier: boolean;
  readonly lines: readonly InvoiceLine[];
  readonly totalNanoUsd: bigint;
}

/** Units to base quantities; a fraction of a base quantity that is free is given whole. */
const inBase = (units: Decimal, unitQuantity: bigint): bigint =>
  divideUp(units.digits * unitQuantity, 10n ** BigInt(units.scale));

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

const NANO_PER_USD = 1_000_000_000n;

function priceNanoUsd(quantity: bigint, unitQuantity: bigint, price: Decimal): bigint {
  return divideUp(quantity * price.digits * NANO_PER_USD, unitQuantity * 10n ** BigInt(price.scale));
}

function linesOf(meter: PriceMeter, quantity: bigint, freeTier: boolean): InvoiceLine[] {
  const { unit, unitQuantity } = meter;
  const lines: InvoiceLine[] = [];
  const included = inBase(meter.included, unitQuantity) + (freeTier ? inBase(meter.free, unitQuantity) : 0n);
  const given = smaller(quantity, included);
  if (given > 0n) {
    const line = { tier: 0, quantity: given, unit, unitQuantity, unitPriceUsd: '0', amountNanoUsd: 0n };
    lines.push({ meter: meter.meter, ...line });
  }
  let left = quantity - given;
  let below = 0n;
  for (const [index, tier] of meter.tiers.entries()) {
    if (left === 0n) break;
    const top = tier.upTo === null ? null : inBase(tier.upTo, unitQuantity);
    const here = top === null ? left : smaller(left, top - below);
    const amountNanoUsd = priceNanoUsd(here, unitQuantity, tier.priceUsd);
    const line = {
      tier: index + 1,
      quantity: here,
      unit,
      unitQuantity,
      unitPriceUsd: tier.priceText,
      amountNanoUsd,
    };
    lines.push({ meter: meter.meter, ...line });
    left -= here;
    below = top ?? below;
  }
  return lines;
}

/** A price that a book does not have is not guessed: what is beyond its last known tier is refused. */
function expectPriced(book: PriceBook, meter: PriceMeter, quantity: bigint): void {
  const { atMost, unit, unitQuantity } = meter;
  if (atMost === null || quantity <= inBase(atMost, unitQuantity)) return;
  const limit = formatQuotient(atMost.digits, 10n ** BigInt(atMost.scale), atMost.scale);
  const got = formatQuotient(quantity, unitQuantity, 3);
  throw new CodedError(
    'prices-unfit',
    `price book ${book.id} prices at most ${limit} ${unit} of ${meter.meter} a month, got ${got}`,
    { priceBook: book.id, meter: meter.meter, atMost: limit },
  );
}

/**
 * Prices one month's quantities. What is free or included is subtracted first, and the rest climbs the tiers
 * from the first, as AWS's own pricing examples do (aws.amazon.com/lambda/pricing, 2024-07).
 * @param quantities as `BillMeter.quantities` or `ExtrasMeter.quantities` gives them for the same book.
 * @throws CodedError `prices-unfit` for more than the book has prices for.
 */
export function makeInvoice(
  book: PriceBook,
  quantities: readonly bigint[],
  options: { freeTier: boolean },
): Invoice {
  const lines = book.meters.flatMap((meter, index) => {
    const quantity = meter.measure.kind === 'base-fee' ? meter.unitQuantity : (quantities[index] ?? 0n);
    expectPriced(book, meter, quantity);
    return linesOf(meter, quantity, options.freeTier);
  });
  const totalNanoUsd = lines.reduce((total, line) => total + line.amountNanoUsd, 0n);
  return { priceBook: book.id, freeTier: options.freeTier, lines, totalNanoUsd };
}

/** An invoice as it is sent and printed; quantities in units with up to 18 decimals, rounded up in the last. */
export interface InvoiceReport {
  readonly priceBook: string;
  readonly freeTier: boolean;
  readonly lines: readonly {
    readonly meter: string;
    readonly tier: number;
    readonly quantity: number;
    readonly unit: string;
    readonly unitPriceUsd: number;
    readonly amountUsd: number;
  }[];
  readonly totalUsd: number;
}

export function reportInvoice(invoice: Invoice): InvoiceReport {
  return {
    priceBook: invoice.priceBook,
    freeTier: invoice.freeTier,
    lines: invoice.lines.map((line) => ({
      meter: line.meter,
      tier: line.tier,
      quantity: Number(formatQuotient(line.quantity, line.unitQuantity, 18)),
      unit: line.unit,
      unitPriceUsd: Number(line.unitPriceUsd),
      amountUsd: Number(formatNanoUsd(line.amountNanoUsd)),
    })),
    totalUsd: Number(formatNanoUsd(invoice.totalNanoUsd)),
  };
}
