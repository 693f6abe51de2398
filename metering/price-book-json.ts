/** A price book as its file has it: what readPriceBook reads again to the same book. */

import type { Measure } from './measure.ts';
import type { InstanceSize, PriceBook } from './price-book.ts';
import { type Decimal, formatQuotient } from './units.ts';

export interface PriceMeterJson {
  readonly meter: string;
  readonly measure: Measure;
  readonly unit: string;
  readonly unitQuantity: string;
  readonly included?: string;
  readonly free?: string;
  readonly atMost?: string;
  readonly tiers: readonly { readonly upTo?: string; readonly priceUsd: string }[];
  readonly source: string;
  readonly asOf: string;
  readonly confidence: string;
}

export interface PriceBookJson {
  readonly id: string;
  readonly provider: string;
  readonly service: string;
  readonly region: string;
  readonly bills: string;
  readonly period: string;
  readonly notes: string;
  readonly sizes?: readonly InstanceSize[];
  readonly meters: readonly PriceMeterJson[];
}

/** Plain decimal text without trailing zeros. */
export function formatDecimal({ digits, scale }: Decimal): string {
  return formatQuotient(digits, 10n ** BigInt(scale), scale);
}

const unlessZero = <Key extends string>(key: Key, value: Decimal) =>
  value.digits === 0n ? {} : ({ [key]: formatDecimal(value) } as { readonly [K in Key]: string });

export function priceBookJson(book: PriceBook): PriceBookJson {
  const { id, provider, service, region, bills, period, notes, sizes } = book;
  const meters = book.meters.map((meter) => ({
    meter: meter.meter,
    measure: meter.measure,
    unit: meter.unit,
    unitQuantity: String(meter.unitQuantity),
    ...unlessZero('included', meter.included),
    ...unlessZero('free', meter.free),
    ...(meter.atMost === null ? {} : { atMost: formatDecimal(meter.atMost) }),
    tiers: meter.tiers.map(({ upTo, priceText }) =>
      upTo === null ? { priceUsd: priceText } : { upTo: formatDecimal(upTo), priceUsd: priceText },
    ),
    source: meter.source,
    asOf: meter.asOf,
    confidence: meter.confidence,
  }));
  const head = { id, provider, service, region, bills, period, notes };
  return sizes.length === 0 ? { ...head, meters } : { ...head, sizes, meters };
}
