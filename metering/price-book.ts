/**
 * A price book: what a provider measures, how it rounds, what is free and what each tier costs. Books are data
 * files; this module checks one when it is loaded and knows no provider by name.
 */
import { CodedError } from './errors.ts';
import { type Decimal, parseDecimal } from './units.ts';

/** Memory × time of executions, in byte-microseconds, rounded per execution. */
export interface MemoryTimeMeasure {
  readonly kind: 'memory-time';
  /** `limit` is the configured size, `peak` what was really used. */
  readonly memory: 'limit' | 'peak';
  readonly memoryStepBytes: number;
  readonly memoryMinBytes: number;
  readonly timeStepUs: number;
  readonly timeMinUs: number;
}

/** Time × a fixed number of vCPUs, in thousandths of a vCPU-microsecond, rounded per execution. */
export interface VcpuTimeMeasure {
  readonly kind: 'vcpu-time';
  readonly vcpuMilli: number;
  readonly timeStepUs: number;
  readonly timeMinUs: number;
}

/** Processor time of executions, in microseconds, rounded per execution. */
export interface CpuTimeMeasure {
  readonly kind: 'cpu-time';
  readonly timeStepUs: number;
}

/** Life of instances of one size, in microseconds, rounded per instance. */
export interface InstanceTimeMeasure {
  readonly kind: 'instance-time';
  readonly size: string;
  readonly timeStepUs: number;
  readonly timeMinUs: number;
  /** The most that one instance is billed for in a month; absent when there is no cap. */
  readonly timeMaxUs?: number;
}

export type Measure =
  | { readonly kind: 'requests' }
  | { readonly kind: 'base-fee' }
  | MemoryTimeMeasure
  | VcpuTimeMeasure
  | CpuTimeMeasure
  | InstanceTimeMeasure;

/** One step of a price: it holds from the step before up to `upTo` units (null: without end). */
export interface PriceTier {
  readonly upTo: Decimal | null;
  readonly priceUsd: Decimal;
  /** The price as the book writes it. */
  readonly priceText: string;
}

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
  readonly tiers: readonly PriceTier[];
  readonly source: string;
  readonly asOf: string;
}

/** A machine size that a book sells; `shared` marks burstable or shared processors. */
export interface InstanceSize {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly shared: boolean;
}

export interface PriceBook {
  readonly id: string;
  readonly provider: string;
  readonly service: string;
  readonly region: string;
  /** What the meters count: executions (functions) or lives of instances (machines, dynos). */
  readonly bills: 'executions' | 'instances';
  /** Invoices are for one month: tiers, free tiers and base fees apply once. */
  readonly period: 'month';
  readonly notes: string;
  readonly sizes: readonly InstanceSize[];
  readonly meters: readonly PriceMeter[];
}

type Json = Readonly<Record<string, unknown>>;

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

/** Reads fields and collects every fault with its path, so that one run names them all. */
class BookReader {
  readonly faults: string[] = [];

  fault(path: string, expected: string, got: unknown): void {
    this.faults.push(`${path}: expected ${expected}, got ${shown(got)}`);
  }

  object(value: unknown, path: string, keys: readonly string[]): Json {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.fault(path, 'an object', value);
      return {};
    }
    for (const key of Object.keys(value)) {
      if (!keys.includes(key)) this.fault(`${path}.${key}`, `one of the fields ${keys.join(', ')}`, key);
    }
    return value as Json;
  }

  text(value: unknown, path: string): string {
    if (typeof value === 'string' && value !== '') return value;
    this.fault(path, 'a text', value);
    return '';
  }

  oneOf<T extends string>(value: unknown, path: string, allowed: readonly T[]): T {
    const found = allowed.find((item) => item === value);
    if (found === undefined) this.fault(path, `one of ${allowed.join(', ')}`, value);
    return found ?? (allowed[0] as T);
  }

  integer(value: unknown, path: string, least: number): number {
    if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
    this.fault(path, `an integer of ${least} or more`, value);
    return least;
  }

  decimal(value: unknown, path: string): Decimal {
    try {
      if (typeof value === 'string') return parseDecimal(value);
    } catch {
      // The fault below says the same with its path.
    }
    this.fault(path, 'a decimal number as text, for example "0.20"', value);
    return { digits: 0n, scale: 0 };
  }

  list(value: unknown, path: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    this.fault(path, 'a list', value);
    return [];
  }
}

const MEASURE_KEYS = {
  requests: [],
  'base-fee': [],
  'memory-time': ['memory', 'memoryStepBytes', 'memoryMinBytes', 'timeStepUs', 'timeMinUs'],
  'vcpu-time': ['vcpuMilli', 'timeStepUs', 'timeMinUs'],
  'cpu-time': ['timeStepUs'],
  'instance-time': ['size', 'timeStepUs', 'timeMinUs', 'timeMaxUs'],
} as const satisfies Record<Measure['kind'], readonly string[]>;

const MEASURE_KINDS = Object.keys(MEASURE_KEYS) as Measure['kind'][];

function readMeasure(read: BookReader, value: unknown, path: string): Measure {
  const kind = read.oneOf((value as Json | null)?.kind, `${path}.kind`, MEASURE_KINDS);
  const source = read.object(value, path, ['kind', ...MEASURE_KEYS[kind]]);
  const timeStepUs = () => read.integer(source.timeStepUs, `${path}.timeStepUs`, 1);
  const timeMinUs = () => read.integer(source.timeMinUs, `${path}.timeMinUs`, 0);
  switch (kind) {
    case 'requests':
    case 'base-fee':
      return { kind };
    case 'memory-time':
      return {
        kind,
        memory: read.oneOf(source.memory, `${path}.memory`, ['limit', 'peak']),
        memoryStepBytes: read.integer(source.memoryStepBytes, `${path}.memoryStepBytes`, 1),
        memoryMinBytes: read.integer(source.memoryMinBytes, `${path}.memoryMinBytes`, 0),
        timeStepUs: timeStepUs(),
        timeMinUs: timeMinUs(),
      };
    case 'vcpu-time': {
      const vcpuMilli = read.integer(source.vcpuMilli, `${path}.vcpuMilli`, 1);
      return { kind, vcpuMilli, timeStepUs: timeStepUs(), timeMinUs: timeMinUs() };
    }
    case 'cpu-time':
      return { kind, timeStepUs: timeStepUs() };
    case 'instance-time': {
      const size = read.text(source.size, `${path}.size`);
      const measure = { kind, size, timeStepUs: timeStepUs(), timeMinUs: timeMinUs() };
      if (source.timeMaxUs === undefined) return measure;
      return { ...measure, timeMaxUs: read.integer(source.timeMaxUs, `${path}.timeMaxUs`, 1) };
    }
    default:
      return kind satisfies never;
  }
}

const isLess = (a: Decimal, b: Decimal): boolean =>
  a.digits * 10n ** BigInt(b.scale) < b.digits * 10n ** BigInt(a.scale);

function readTiers(read: BookReader, value: unknown, path: string): PriceTier[] {
  const items = read.list(value, path);
  if (items.length === 0) read.fault(path, 'at least one tier', value);
  let below: Decimal = { digits: 0n, scale: 0 };
  return items.map((item, index) => {
    const at = `${path}[${index}]`;
    const source = read.object(item, at, ['upTo', 'priceUsd']);
    const isLast = index === items.length - 1;
    if (isLast && source.upTo !== undefined) read.fault(`${at}.upTo`, 'no end on the last tier', source.upTo);
    const upTo = isLast ? null : read.decimal(source.upTo, `${at}.upTo`);
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

const METER_KEYS = [
  'meter',
  'measure',
  'unit',
  'unitQuantity',
  'included',
  'free',
  'tiers',
  'source',
  'asOf',
];

function readMeter(read: BookReader, value: unknown, path: string): PriceMeter {
  const source = read.object(value, path, METER_KEYS);
  const optional = (key: 'included' | 'free') => read.decimal(source[key] ?? '0', `${path}.${key}`);
  const unitQuantity = read.decimal(source.unitQuantity, `${path}.unitQuantity`);
  if (unitQuantity.scale !== 0 || unitQuantity.digits === 0n) {
    read.fault(`${path}.unitQuantity`, 'a whole number above 0', source.unitQuantity);
  }
  const asOf = read.text(source.asOf, `${path}.asOf`);
  if (!/^\d{4}(-\d{2}){0,2}$/.test(asOf))
    read.fault(`${path}.asOf`, 'a date such as 2026-07-20', source.asOf);
  return {
    meter: read.text(source.meter, `${path}.meter`),
    measure: readMeasure(read, source.measure, `${path}.measure`),
    unit: read.text(source.unit, `${path}.unit`),
    unitQuantity: unitQuantity.digits,
    included: optional('included'),
    free: optional('free'),
    tiers: readTiers(read, source.tiers, `${path}.tiers`),
    source: read.text(source.source, `${path}.source`),
    asOf,
  };
}

function readSize(read: BookReader, value: unknown, path: string): InstanceSize {
  const source = read.object(value, path, ['name', 'vcpus', 'memoryMb', 'shared']);
  if (typeof source.shared !== 'boolean') read.fault(`${path}.shared`, 'true or false', source.shared);
  return {
    name: read.text(source.name, `${path}.name`),
    vcpus: read.integer(source.vcpus, `${path}.vcpus`, 1),
    memoryMb: read.integer(source.memoryMb, `${path}.memoryMb`, 1),
    shared: source.shared === true,
  };
}

/** Instance books price exactly the sizes they list; execution books have no sizes. */
function crossCheck(read: BookReader, book: PriceBook): void {
  const names = new Set(book.sizes.map((size) => size.name));
  for (const [index, { measure }] of book.meters.entries()) {
    if (measure.kind === 'base-fee') continue;
    const perInstance = measure.kind === 'instance-time';
    if (perInstance !== (book.bills === 'instances')) {
      read.fault(`book.meters[${index}].measure.kind`, `a measure of ${book.bills}`, measure.kind);
    }
    if (perInstance && !names.delete(measure.size)) {
      read.fault(`book.meters[${index}].measure.size`, 'a size of the list, once', measure.size);
    }
  }
  for (const name of names) read.fault('book.sizes', `a meter for each size`, name);
}

const BOOK_KEYS = ['id', 'provider', 'service', 'region', 'bills', 'period', 'notes', 'sizes', 'meters'];

/**
 * Checks a price book that was parsed from JSON.
 * @throws CodedError `prices-invalid`, which lists every fault with its path.
 */
export function readPriceBook(value: unknown): PriceBook {
  const read = new BookReader();
  const source = read.object(value, 'book', BOOK_KEYS);
  const meters = read.list(source.meters, 'book.meters');
  if (meters.length === 0) read.fault('book.meters', 'at least one meter', source.meters);
  const book: PriceBook = {
    id: read.text(source.id, 'book.id'),
    provider: read.text(source.provider, 'book.provider'),
    service: read.text(source.service, 'book.service'),
    region: read.text(source.region, 'book.region'),
    bills: read.oneOf(source.bills, 'book.bills', ['executions', 'instances']),
    period: read.oneOf(source.period, 'book.period', ['month']),
    notes: read.text(source.notes, 'book.notes'),
    sizes: read
      .list(source.sizes ?? [], 'book.sizes')
      .map((size, i) => readSize(read, size, `book.sizes[${i}]`)),
    meters: meters.map((meter, i) => readMeter(read, meter, `book.meters[${i}]`)),
  };
  if (read.faults.length === 0) crossCheck(read, book);
  if (read.faults.length > 0) {
    throw new CodedError('prices-invalid', `not a price book: ${read.faults.join('; ')}`, {
      faults: read.faults,
    });
  }
  return book;
}
