/**
 * Records become billable quantities: each execution or instance is rounded by the price book's own rule, then
 * summed exactly. Never below the real use, and the same in any order.
 */
import { CodedError } from './errors.ts';
import { type ExecutionRecord, occupiedUs, wasStarted } from './execution.ts';
import type { InstanceRecord } from './instance.ts';
import { addInstanceQuantity, expectSize } from './instance-quantity.ts';
import type { Measure, MemoryTimeMeasure } from './measure.ts';
import type { PriceBook } from './price-book.ts';
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

function billedBytes(measure: MemoryTimeMeasure, usedBytes: number): number {
  const bytes = roundUp(Math.max(usedBytes, measure.memoryMinBytes), measure.memoryStepBytes);
  return measure.memorySizesBytes === undefined
    ? bytes
    : nextSize(measure.memorySizesBytes, (size) => size, bytes);
}

const billedUs = (
  measure: { readonly timeMinUs: number; readonly timeStepUs: number },
  timeUs: number,
): number => roundUp(Math.max(timeUs, measure.timeMinUs), measure.timeStepUs);

/** What executions add to a measure of memory × time. */
class MemoryTime {
  readonly #sum: ExactSum;
  readonly #measure: MemoryTimeMeasure;
  // Most executions have the memory of the one before, which is not rounded anew.
  #usedBytes = -1;
  #billedBytes = 0;

  constructor(sum: ExactSum, measure: MemoryTimeMeasure) {
    this.#sum = sum;
    this.#measure = measure;
  }

  add(record: ExecutionRecord): void {
    const measure = this.#measure;
    const usedBytes = measure.memory === 'limit' ? record.memoryBytesLimit : record.memoryBytesPeak;
    if (usedBytes !== this.#usedBytes) {
      this.#billedBytes = billedBytes(measure, usedBytes);
      this.#usedBytes = usedBytes;
    }
    this.#sum.addProduct(this.#billedBytes, billedUs(measure, occupiedUs(record)));
  }
}

/** @throws CodedError `prices-unfit` where nobody has counted: no guest answers without using any. */
function countedFuel({ fuelUsed, outcome, functionName }: ExecutionRecord): number {
  if (fuelUsed > 0 || outcome !== 'ok') return fuelUsed;
  throw new CodedError(
    'prices-unfit',
    `expected executions whose fuel was counted, got one of ${JSON.stringify(functionName)} without`,
  );
}

function addExecution(sum: ExactSum, measure: Measure, record: ExecutionRecord): void {
  switch (measure.kind) {
    case 'bytes-out':
      sum.add(record.bytesOut);
      return;
    case 'vcpu-time':
      sum.addProduct(measure.vcpuMilli, billedUs(measure, occupiedUs(record)));
      return;
    case 'clock-time': {
      const { clockMhz } = nextSize(measure.speeds, (speed) => speed.memoryBytes, record.memoryBytesLimit);
      sum.addProduct(clockMhz, billedUs(measure, occupiedUs(record)));
      return;
    }
    case 'cpu-time':
      sum.add(roundUp(record.cpuUs, measure.timeStepUs));
      return;
    case 'fuel':
      sum.addProduct(roundUp(countedFuel(record), measure.fuelStep), 1);
      return;
    default:
      // Requests and memory × time are counted apart, and fees are added by the invoice; the rest is of other kinds of
      // books, which the reader keeps apart.
      return;
  }
}

interface Measured {
  readonly measure: Measure;
  readonly sum: ExactSum;
}

/** Adds up what a book bills. `quantities` has one exact sum for each meter of the book, in its base quantity. */
export class BillMeter {
  readonly book: PriceBook;
  readonly #sums: readonly ExactSum[];
  /** Executions that started, which is what a book of executions means by requests. */
  #executions = 0;
  readonly #memoryTimes: readonly MemoryTime[];
  /** What else executions are billed by. */
  readonly #others: readonly Measured[];

  constructor(book: PriceBook) {
    this.book = book;
    this.#sums = book.meters.map(() => new ExactSum());
    const measured = book.meters.map(({ measure }, at) => ({ measure, sum: this.#sums[at] as ExactSum }));
    this.#memoryTimes = measured.flatMap(({ measure, sum }) =>
      measure.kind === 'memory-time' ? [new MemoryTime(sum, measure)] : [],
    );
    this.#others = measured.filter(({ measure: { kind } }) => kind !== 'memory-time' && kind !== 'requests');
  }

  /** Counts an execution; rejected ones are never billed, failed ones are, as all providers of functions do. */
  addExecution(record: ExecutionRecord): void {
    this.expect('executions');
    if (!wasStarted(record)) return;
    this.#executions++;
    const [memoryTimes, others] = [this.#memoryTimes, this.#others];
    for (let index = 0; index < memoryTimes.length; index++) (memoryTimes[index] as MemoryTime).add(record);
    for (let index = 0; index < others.length; index++) {
      const { sum, measure } = others[index] as Measured;
      addExecution(sum, measure, record);
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
    const executions = BigInt(this.#executions);
    return this.#sums.map(({ value }, index) =>
      this.book.meters[index]?.measure.kind === 'requests' ? value + executions : value,
    );
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
