/**
 * Records become billable quantities: each execution or instance is rounded by the price book's own rule, then
 * summed exactly. Never below the real use, and the same in any order.
 */
import { CodedError } from './errors.ts';
import { type ExecutionRecord, occupiedUs, wasStarted } from './execution.ts';
import type { InstanceRecord } from './instance.ts';
import { addInstanceQuantity, expectSize } from './instance-quantity.ts';
import type { Measure, MemoryTimeMeasure } from './measure.ts';
import type { PriceBook, PriceMeter } from './price-book.ts';
import { ExactSum, roundUp } from './units.ts';

/** The smallest entry that holds the memory. @throws CodedError `prices-unfit` when none does. */
function nextSize<T>(sizes: readonly T[], bytesOf: (size: T) => number, bytes: number): T {
  const fitting = sizes.find((size) => bytesOf(size) >= bytes);
  if (fitting !== undefined) return fitting;
  const largest = bytesOf(sizes.at(-1) as T);
  throw new CodedError(
    'prices-unfit',
    `expected functions of at most ${largest} bytes of memory, the largest that the price book sells, got ${bytes}`,
    { memoryBytesLimit: bytes, largest },
  );
}

function billedBytes(measure: MemoryTimeMeasure, record: ExecutionRecord): number {
  const used = measure.memory === 'limit' ? record.memoryBytesLimit : record.memoryBytesPeak;
  const bytes = roundUp(Math.max(used, measure.memoryMinBytes), measure.memoryStepBytes);
  return measure.memorySizesBytes === undefined
    ? bytes
    : nextSize(measure.memorySizesBytes, (size) => size, bytes);
}

function addExecution(sum: ExactSum, measure: Measure, record: ExecutionRecord): void {
  switch (measure.kind) {
    case 'requests':
      sum.add(1);
      return;
    case 'bytes-out':
      sum.add(record.bytesOut);
      return;
    case 'memory-time': {
      const timeUs = roundUp(Math.max(occupiedUs(record), measure.timeMinUs), measure.timeStepUs);
      sum.addProduct(billedBytes(measure, record), timeUs);
      return;
    }
    case 'vcpu-time':
      sum.addProduct(
        measure.vcpuMilli,
        roundUp(Math.max(occupiedUs(record), measure.timeMinUs), measure.timeStepUs),
      );
      return;
    case 'clock-time': {
      const { clockMhz } = nextSize(measure.speeds, (speed) => speed.memoryBytes, record.memoryBytesLimit);
      sum.addProduct(clockMhz, roundUp(Math.max(occupiedUs(record), measure.timeMinUs), measure.timeStepUs));
      return;
    }
    case 'cpu-time':
      sum.add(roundUp(record.cpuUs, measure.timeStepUs));
      return;
    default:
      // Fees are added by the invoice; the rest is of other kinds of books, which the reader keeps apart.
      return;
  }
}

/** Adds up what a book bills. `quantities` has one exact sum for each meter of the book, in its base quantity. */
export class BillMeter {
  readonly book: PriceBook;
  readonly #sums: readonly ExactSum[];

  constructor(book: PriceBook) {
    this.book = book;
    this.#sums = book.meters.map(() => new ExactSum());
  }

  /** Counts an execution; rejected ones are never billed, failed ones are, as all providers of functions do. */
  addExecution(record: ExecutionRecord): void {
    this.expect('executions');
    if (!wasStarted(record)) return;
    const { meters } = this.book;
    for (let index = 0; index < meters.length; index++) {
      addExecution(this.#sums[index] as ExactSum, (meters[index] as PriceMeter).measure, record);
    }
  }

  /** Counts the life of one instance. @throws CodedError `prices-unfit` for a size or a measure that is not there. */
  addInstance(instance: InstanceRecord): void {
    this.expect('instances');
    expectSize(this.book, instance);
    for (const [index, { measure }] of this.book.meters.entries()) {
      addInstanceQuantity(this.#sums[index] as ExactSum, this.book, measure, instance);
    }
  }

  /** Adds quantities of another meter for the same book. */
  merge(quantities: readonly bigint[]): void {
    for (const [index, sum] of this.#sums.entries()) sum.addBig(quantities[index] ?? 0n);
  }

  get quantities(): readonly bigint[] {
    return this.#sums.map((sum) => sum.value);
  }

  /** @throws CodedError `prices-unfit` when the book counts the other. */
  expect(counted: PriceBook['bills']): void {
    if (this.book.bills === counted) return;
    throw new CodedError(
      'prices-unfit',
      `price book ${this.book.id} bills ${this.book.bills}; expected one that bills ${counted}`,
    );
  }
}
