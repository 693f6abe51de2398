/** A price book whose machines cost less, by a share that the caller states. It keeps decimals exact. */
import type { PriceBook, PriceMeter } from './price-book.ts';
import { type Decimal, decimalText } from './units.ts';

const DISCOUNTED: readonly PriceMeter['measure']['kind'][] = [
  'instance-time',
  'instance-vcpu-time',
  'instance-memory-time',
];

/** A price less a percentage below 100. */
export function reduced(price: Decimal, percent: Decimal): Decimal {
  const whole = 100n * 10n ** BigInt(percent.scale);
  return { digits: price.digits * (whole - percent.digits), scale: price.scale + percent.scale + 2 };
}

/**
 * The same book with lower prices for the time of instances; fees and requests stay.
 * @param percent below 100. @param name joins the book's id, for example `spot`.
 */
export function discountedBook(book: PriceBook, percent: Decimal, name: string): PriceBook {
  const text = decimalText(percent);
  const meters = book.meters.map((meter) => {
    if (!DISCOUNTED.includes(meter.measure.kind)) return meter;
    const tiers = meter.tiers.map((tier) => {
      const priceUsd = reduced(tier.priceUsd, percent);
      return { ...tier, priceUsd, priceText: decimalText(priceUsd) };
    });
    return { ...meter, tiers, source: `${meter.source}, less ${text} % as stated by the user` };
  });
  return { ...book, id: `${book.id} ${name} -${text}%`, meters };
}
