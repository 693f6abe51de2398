/**
 * A price book: what a provider measures, how it rounds, what is free and what each tier costs. Books are data
 * files; this module checks one when it is loaded and knows no provider by name.
 */
import { BookReader } from './book-reader.ts';
import { CodedError } from './errors.ts';
import { BOOK_KINDS, type BookKind, MEASURES_OF, type Measure } from './measure.ts';
import { readMeasure } from './measure-reader.ts';
import type { Decimal } from './units.ts';

/** One step of a price: it holds from the step before up to `upTo` units (null: without end). */
export interface PriceTier {
  readonly upTo: Decimal | null;
  readonly priceUsd: Decimal;
  /** The price as the book writes it. */
  readonly priceText: string;
}

/**
 * How well a price is founded: `high` from the provider's own page or price list, `medium` from another page,
 * `low` from a list made in bulk, `derived` worked out from a published total.
 */
export const CONFIDENCES = ['high', 'medium', 'low', 'derived'] as const;
export type Confidence = (typeof CONFIDENCES)[number];

export interface PriceMeter {
  readonly meter: string;
  readonly measure: Measure;
  /** What the price is for, for example `GB-s`. */
  readonly unit: string;
  /** How many base quantities of the measure make one unit. */
  readonly unitQuantity: bigint;
  /** Units that come with the base fee: always subtracted. */
  readonly included: Decimal;
  /** Units of the free tier: subtracted when the invoice is asked for with it. */
  readonly free: Decimal;
  /** Units that the book can price in a month; null without limit. More is refused, never guessed. */
  readonly atMost: Decimal | null;
  readonly tiers: readonly PriceTier[];
  readonly source: string;
  /** A day, a month or a year; `undated` when the source does not say. */
  readonly asOf: string;
  readonly confidence: Confidence;
}

/** A machine size that a book sells; `shared` marks burstable or shared processors. */
export interface InstanceSize {
  readonly name: string;
  /** May be a fraction, in thousandths. */
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly shared: boolean;
}

export interface PriceBook {
  readonly id: string;
  readonly provider: string;
  readonly service: string;
  readonly region: string;
  /** What the meters count: executions (functions), lives of instances (machines, dynos), or what is beside. */
  readonly bills: BookKind;
  /** Invoices are for one month: tiers, free tiers and base fees apply once. */
  readonly period: 'month';
  readonly notes: string;
  readonly sizes: readonly InstanceSize[];
  readonly meters: readonly PriceMeter[];
}

const isLess = (a: Decimal, b: Decimal): boolean =>
  a.digits * 10n ** BigInt(b.scale) < b.digits * 10n ** BigInt(a.scale);

function readTiers(read: BookReader, value: unknown, path: string): PriceTier[] {
  const items = read.list(value, path);
  if (Array.isArray(value) && items.length === 0) read.fault(path, 'at least one tier', value);
  let below: Decimal = { digits: 0n, scale: 0 };
  return items.map((item, index) => {
    const at = `${path}[${index}]`;
    const source = read.object(item, at, ['upTo', 'priceUsd']);
    const isLast = index === items.length - 1;
    if (isLast !== (source.upTo === undefined)) {
      const expected = isLast ? 'no end on the last tier' : 'an end on each tier but the last';
      read.fault(`${at}.upTo`, expected, source.upTo);
    }
    const upTo = source.upTo === undefined ? null : read.decimal(source.upTo, `${at}.upTo`);
    if (upTo !== null && !isLess(below, upTo))
      read.fault(`${at}.upTo`, 'more than the tier before', source.upTo);
    below = upTo ?? below;
    return {
      upTo,
      priceUsd: read.decimal(source.priceUsd, `${at}.priceUsd`),
      priceText: String(source.priceUsd),
    };
  });
}

const NOTHING: Decimal = { digits: 0n, scale: 0 };

const METER_KEYS = [
  'meter',
  'measure',
  'unit',
  'unitQuantity',
  'included',
  'free',
  'atMost',
  'tiers',
  'source',
  'asOf',
  'confidence',
];

const DATE = /^(\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?|undated)$/;
const WHOLE_ABOVE_0 = /^0*[1-9]\d*$/;

function readMeter(read: BookReader, value: unknown, path: string): PriceMeter {
  const source = read.object(value, path, METER_KEYS);
  const text = (key: string) => read.text(source[key], `${path}.${key}`);
  const optional = (key: string) =>
    source[key] === undefined ? NOTHING : read.decimal(source[key], `${path}.${key}`);
  const unitQuantity = read.matching(
    source.unitQuantity,
    `${path}.unitQuantity`,
    WHOLE_ABOVE_0,
    'a whole number above 0 as text',
  );
  return {
    meter: text('meter'),
    measure: readMeasure(read, source.measure, `${path}.measure`),
    unit: text('unit'),
    unitQuantity: BigInt(unitQuantity || '1'),
    included: optional('included'),
    free: optional('free'),
    atMost: source.atMost === undefined ? null : read.decimal(source.atMost, `${path}.atMost`),
    tiers: readTiers(read, source.tiers, `${path}.tiers`),
    source: text('source'),
    asOf: read.matching(
      source.asOf,
      `${path}.asOf`,
      DATE,
      'a date such as 2026-07-20, a month, a year or "undated"',
    ),
    confidence: read.oneOf(source.confidence, `${path}.confidence`, CONFIDENCES),
  };
}

function readSize(read: BookReader, value: unknown, path: string): InstanceSize {
  const source = read.object(value, path, ['name', 'vcpus', 'memoryMb', 'shared']);
  if (typeof source.shared !== 'boolean') read.fault(`${path}.shared`, 'true or false', source.shared);
  return {
    name: read.text(source.name, `${path}.name`),
    vcpus: read.thousandths(source.vcpus, `${path}.vcpus`),
    memoryMb: read.integer(source.memoryMb, `${path}.memoryMb`, 1),
    shared: source.shared === true,
  };
}

/** A book that prices sizes by name prices exactly those that it lists; no other meter depends on the list. */
function checkSizes(read: BookReader, book: PriceBook): void {
  const names = new Set<string>();
  for (const [index, { name }] of book.sizes.entries()) {
    if (names.has(name)) read.fault(`book.sizes[${index}].name`, 'a name of its own for each size', name);
    names.add(name);
  }
  if (book.bills !== 'instances' && book.sizes.length > 0)
    read.fault('book.sizes', `no sizes in a book of ${book.bills}`, [...names]);
  let named = false;
  for (const [index, { measure }] of book.meters.entries()) {
    if (measure.kind !== 'instance-time') continue;
    named = true;
    if (!names.delete(measure.size))
      read.fault(`book.meters[${index}].measure.size`, 'a size of the list, once', measure.size);
  }
  if (named) for (const name of names) read.fault('book.sizes', 'a meter for each size', name);
}

function crossCheck(read: BookReader, book: PriceBook): void {
  const names = new Set<string>();
  for (const [index, { meter, measure, unitQuantity }] of book.meters.entries()) {
    const path = `book.meters[${index}]`;
    if (names.has(meter)) read.fault(`${path}.meter`, 'a name of its own for each meter', meter);
    names.add(meter);
    if (!MEASURES_OF[book.bills].includes(measure.kind)) {
      const expected = `a measure of a book of ${book.bills} (${MEASURES_OF[book.bills].join(', ')})`;
      read.fault(`${path}.measure.kind`, expected, measure.kind);
    }
    if (measure.kind !== 'capacity-time') continue;
    const parts = BigInt(measure.requestsPerUnitHour) * BigInt(measure.bytesPerUnitHour);
    if (unitQuantity !== parts)
      read.fault(
        `${path}.unitQuantity`,
        `"${parts}", requestsPerUnitHour × bytesPerUnitHour`,
        String(unitQuantity),
      );
  }
  checkSizes(read, book);
}

/** `$schema` is for editors; it says nothing about prices. */
const BOOK_KEYS = [
  '$schema',
  'id',
  'provider',
  'service',
  'region',
  'bills',
  'period',
  'notes',
  'sizes',
  'meters',
];

/**
 * Checks a price book that was parsed from JSON.
 * @throws CodedError `prices-invalid`, which lists every fault with its path; `details.paths` has the paths.
 */
export function readPriceBook(value: unknown): PriceBook {
  const read = new BookReader();
  const source = read.object(value, 'book', BOOK_KEYS);
  const text = (key: string) => read.text(source[key], `book.${key}`);
  if (source.$schema !== undefined) text('$schema');
  const meters = read.list(source.meters, 'book.meters');
  if (Array.isArray(source.meters) && meters.length === 0)
    read.fault('book.meters', 'at least one meter', source.meters);
  const book: PriceBook = {
    id: text('id'),
    provider: text('provider'),
    service: text('service'),
    region: text('region'),
    bills: read.oneOf(source.bills, 'book.bills', BOOK_KINDS),
    period: read.oneOf(source.period, 'book.period', ['month']),
    notes: text('notes'),
    sizes: read
      .list(source.sizes === undefined ? [] : source.sizes, 'book.sizes')
      .map((size, i) => readSize(read, size, `book.sizes[${i}]`)),
    meters: meters.map((meter, i) => readMeter(read, meter, `book.meters[${i}]`)),
  };
  if (read.faults.length === 0) crossCheck(read, book);
  if (read.faults.length > 0) {
    const faults = read.faults.map((fault) => fault.text);
    const paths = read.faults.map((fault) => fault.path);
    throw new CodedError('prices-invalid', `not a price book: ${faults.join('; ')}`, { faults, paths });
  }
  return book;
}
