/** What one instance adds to each measure of a book of instances, rounded by the book's own rule. */
import { CodedError } from './errors.ts';
import type { InstanceRecord } from './instance.ts';
import type { InstanceMemoryTimeMeasure, InstanceTime, InstanceTimeMeasure, Measure } from './measure.ts';
import type { PriceBook } from './price-book.ts';
import { BYTES_PER_MB, type ExactSum, roundUp } from './units.ts';

type Needed = 'busySpansUs' | 'keptUs' | 'cpuUs' | 'requests';

/** @throws CodedError `prices-unfit` when the record does not say what the book bills. */
function needed<Key extends Needed>(
  book: PriceBook,
  instance: InstanceRecord,
  key: Key,
): NonNullable<InstanceRecord[Key]> {
  const value = instance[key];
  if (value !== undefined) return value;
  throw new CodedError(
    'prices-unfit',
    `price book ${book.id} bills by ${key}; expected instance records that say it, got one of size ${instance.size} without`,
    { priceBook: book.id, missing: key },
  );
}

const unfitSize = (book: PriceBook, instance: InstanceRecord): CodedError => {
  const sizes = book.sizes.map(({ name }) => name).join(', ');
  return new CodedError(
    'prices-unfit',
    `price book ${book.id} has no size ${instance.size}; it has ${sizes || 'none: expected vcpuMilli and memoryBytes'}`,
  );
};

const namedSize = (book: PriceBook, instance: InstanceRecord) =>
  book.sizes.find(({ name }) => name === instance.size);

function vcpuMilliOf(book: PriceBook, instance: InstanceRecord): number {
  if (instance.vcpuMilli !== undefined) return instance.vcpuMilli;
  const size = namedSize(book, instance);
  if (size === undefined) throw unfitSize(book, instance);
  return Math.round(size.vcpus * 1_000);
}

function memoryBytesOf(book: PriceBook, instance: InstanceRecord): number {
  if (instance.memoryBytes !== undefined) return instance.memoryBytes;
  const size = namedSize(book, instance);
  if (size === undefined) throw unfitSize(book, instance);
  return size.memoryMb * BYTES_PER_MB;
}

interface TimeRule {
  readonly time: InstanceTime;
  readonly timeStepUs: number;
  readonly timeMinUs: number;
}

function billedTimeUs(book: PriceBook, instance: InstanceRecord, rule: TimeRule): number {
  const rounded = (us: number) => roundUp(Math.max(us, rule.timeMinUs), rule.timeStepUs);
  switch (rule.time) {
    case 'life':
      return rounded(instance.endedAtUs - instance.startedAtUs);
    case 'kept': {
      const keptUs = needed(book, instance, 'keptUs');
      return keptUs === 0 ? 0 : rounded(keptUs);
    }
    case 'busy': {
      let billedUs = 0;
      const spansUs = needed(book, instance, 'busySpansUs');
      for (let span = 0; span < spansUs.length; span++) billedUs += rounded(spansUs[span] as number);
      return billedUs;
    }
    default:
      return rule.time satisfies never;
  }
}

function namedTimeUs(measure: InstanceTimeMeasure, instance: InstanceRecord): number {
  const lifeUs = Math.max(instance.endedAtUs - instance.startedAtUs, measure.timeMinUs);
  const billedUs = roundUp(lifeUs, measure.timeStepUs);
  return Math.min(billedUs, measure.timeMaxUs ?? billedUs);
}

function billedMemoryBytes(
  book: PriceBook,
  measure: InstanceMemoryTimeMeasure,
  instance: InstanceRecord,
): number {
  const paidBytes = Math.max(0, memoryBytesOf(book, instance) - (measure.memoryIncludedBytes ?? 0));
  return roundUp(Math.max(paidBytes, measure.memoryMinBytes), measure.memoryStepBytes);
}

/** Adds one instance to the sum of one measure. @throws CodedError `prices-unfit` */
export function addInstanceQuantity(
  sum: ExactSum,
  book: PriceBook,
  measure: Measure,
  instance: InstanceRecord,
): void {
  switch (measure.kind) {
    case 'requests':
      sum.add(needed(book, instance, 'requests'));
      return;
    case 'cpu-time':
      sum.add(roundUp(needed(book, instance, 'cpuUs'), measure.timeStepUs));
      return;
    case 'instance-time':
      if (measure.size === instance.size) sum.add(namedTimeUs(measure, instance));
      return;
    case 'instance-vcpu-time':
      sum.addProduct(vcpuMilliOf(book, instance), billedTimeUs(book, instance, measure));
      return;
    case 'instance-memory-time':
      sum.addProduct(billedMemoryBytes(book, measure, instance), billedTimeUs(book, instance, measure));
      return;
    default:
      // Fees are added by the invoice; the rest is of other kinds of books, which the reader keeps apart.
      return;
  }
}

/** What one measure of life bills of one instance: a span of time, and base quantities for each µs of it. */
export interface BilledSpan {
  readonly startUs: number;
  readonly lengthUs: number;
  readonly perUs: number;
}

/** @param measure of the life of instances. Others, and sizes that it does not bill, have a span of no length. */
export function billedSpan(book: PriceBook, measure: Measure, instance: InstanceRecord): BilledSpan {
  const startUs = instance.startedAtUs;
  switch (measure.kind) {
    case 'instance-time':
      return {
        startUs,
        lengthUs: measure.size === instance.size ? namedTimeUs(measure, instance) : 0,
        perUs: 1,
      };
    case 'instance-vcpu-time':
      return { startUs, lengthUs: billedTimeUs(book, instance, measure), perUs: vcpuMilliOf(book, instance) };
    case 'instance-memory-time':
      return {
        ...{ startUs, lengthUs: billedTimeUs(book, instance, measure) },
        perUs: billedMemoryBytes(book, measure, instance),
      };
    default:
      return { startUs, lengthUs: 0, perUs: 0 };
  }
}

/** @throws CodedError `prices-unfit` when the book sells sizes by name and not this one. */
export function expectSize(book: PriceBook, instance: InstanceRecord): void {
  const byName = book.meters.some(({ measure }) => measure.kind === 'instance-time');
  if (byName && !book.sizes.some(({ name }) => name === instance.size)) throw unfitSize(book, instance);
}
