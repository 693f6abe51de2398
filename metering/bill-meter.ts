/**
 * Records become billable quantities: each execution or instance is rounded by the price book's own rule, then
 * summed exactly. Never below the real use, and the same in any order.
 */
import { CodedError } from './errors.ts';
import { type ExecutionRecord, occupiedUs, wasStarted } from './execution.ts';
import type { InstanceRecord } from './instance.ts';
import type { Measure, PriceBook } from './price-book.ts';
import { ExactSum, roundUp } from './units.ts';

function addExecution(sum: ExactSum, measure: Measure, record: ExecutionRecord): void {
  switch (measure.kind) {
    case 'requests':
      sum.add(1);
      return;
    case 'memory-time': {
      const used = measure.memory === 'limit' ? record.memoryBytesLimit : record.memoryBytesPeak;
      const bytes = roundUp(Math.max(used, measure.memoryMinBytes), measure.memoryStepBytes);
      sum.addProduct(bytes, roundUp(Math.max(occupiedUs(record), measure.timeMinUs), measure.timeStepUs));
      return;
    }
    case 'vcpu-time':
      sum.addProduct(
        measure.vcpuMilli,
        roundUp(Math.max(occupiedUs(record), measure.timeMinUs), measure.timeStepUs),
      );
      return;
    case 'cpu-time':
      sum.add(roundUp(record.cpuUs, measure.timeStepUs));
      return;
    case 'base-fee':
    case 'instance-time':
      return;
    default:
      measure satisfies never;
  }
}

/** Adds up what a book bills. `quantities` has one exact sum for each meter of the book, in its base quantity. */
export class BillMeter {
  readonly book: PriceBook;
  readonly #sums: readonly ExactSum[];
  readonly #sizes: ReadonlyMap<string, number>;

  constructor(book: PriceBook) {
    this.book = book;
    this.#sums = book.meters.map(() => new ExactSum());
    const sized = book.meters.flatMap(({ measure }, index) =>
      measure.kind === 'instance-time' ? [[measure.size, index] as const] : [],
    );
    this.#sizes = new Map(sized);
  }

  /** Counts an execution; rejected ones are never billed, failed ones are, as all providers of functions do. */
  addExecution(record: ExecutionRecord): void {
    this.expect('executions');
    if (!wasStarted(record)) return;
    for (const [index, { measure }] of this.book.meters.entries()) {
      addExecution(this.#sums[index] as ExactSum, measure, record);
    }
  }

  /** Counts the life of one instance. */
  addInstance(instance: InstanceRecord): void {
    this.expect('instances');
    const index = this.#sizes.get(instance.size);
    const measure = index === undefined ? undefined : this.book.meters[index]?.measure;
    if (index === undefined || measure?.kind !== 'instance-time') {
      const sizes = [...this.#sizes.keys()].join(', ');
      throw new CodedError(
        'prices-unfit',
        `price book ${this.book.id} has no size ${instance.size}; it has ${sizes}`,
      );
    }
    const lifeUs = Math.max(instance.endedAtUs - instance.startedAtUs, measure.timeMinUs);
    const billedUs = roundUp(lifeUs, measure.timeStepUs);
    (this.#sums[index] as ExactSum).add(Math.min(billedUs, measure.timeMaxUs ?? billedUs));
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
