/** How old prices are. It is given the time; dates that are months or years count from their first day. */
import type { PriceBook, PriceMeter } from '../metering/price-book.ts';

const MS_PER_DAY = 86_400_000;

/** At most how many days old a price is; null when it is undated, negative when its date is yet to come. */
export function ageDays(asOf: string, nowMs: number): number | null {
  if (asOf === 'undated') return null;
  const [year = 0, month = 1, day = 1] = asOf.split('-').map(Number);
  return Math.floor((nowMs - Date.UTC(year, month - 1, day)) / MS_PER_DAY);
}

export interface BookAge {
  /** Null when no price is dated. */
  readonly newest: string | null;
  /** `undated` when any price is. */
  readonly oldest: string;
  /** Of the oldest price. */
  readonly ageDays: number | null;
}

const byAge = (nowMs: number) => (a: PriceMeter, b: PriceMeter) =>
  (ageDays(a.asOf, nowMs) ?? Number.POSITIVE_INFINITY) - (ageDays(b.asOf, nowMs) ?? Number.POSITIVE_INFINITY);

export function bookAge(book: PriceBook, nowMs: number): BookAge {
  const meters = [...book.meters].sort(byAge(nowMs));
  const oldest = meters.at(-1)?.asOf ?? 'undated';
  const newest = meters[0]?.asOf ?? 'undated';
  return {
    newest: newest === 'undated' ? null : newest,
    oldest,
    ageDays: ageDays(oldest, nowMs),
  };
}

/** Why a price cannot be relied on: null when it can. */
export type AgeFault = 'too old' | 'undated' | 'in the future';

export function ageFault(asOf: string, nowMs: number, maxAgeDays: number | null): AgeFault | null {
  const age = ageDays(asOf, nowMs);
  // Midnight comes earlier in the east: a price of today may be dated tomorrow here.
  if (age !== null && age < -1) return 'in the future';
  if (maxAgeDays === null) return null;
  if (age === null) return 'undated';
  return age > maxAgeDays ? 'too old' : null;
}
