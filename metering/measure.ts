/**
 * What a price book's meter can count, as types: each measure says its base quantity and how it rounds. How a
 * measure is read is in measure-reader.ts, how it is counted in bill-meter.ts and extras.ts.
 */

/** Memory × time of executions, in byte-microseconds, rounded per execution. */
export interface MemoryTimeMeasure {
  readonly kind: 'memory-time';
  /** `limit` is the configured size, `peak` what was really used. */
  readonly memory: 'limit' | 'peak';
  readonly memoryStepBytes: number;
  readonly memoryMinBytes: number;
  /** The only sizes there are, ascending: memory is rounded up to the next. Absent when any step is sold. */
  readonly memorySizesBytes?: readonly number[];
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

/** A size of function and the processor clock that it comes with. */
export interface ClockSpeed {
  readonly memoryBytes: number;
  readonly clockMhz: number;
}

/** Time × the processor clock that the configured memory comes with, in megahertz-microseconds, per execution. */
export interface ClockTimeMeasure {
  readonly kind: 'clock-time';
  /** By memory, ascending; the configured memory is rounded up to the next. */
  readonly speeds: readonly ClockSpeed[];
  readonly timeStepUs: number;
  readonly timeMinUs: number;
}

/** Processor time in microseconds, rounded per execution, or per instance in a book of instances. */
export interface CpuTimeMeasure {
  readonly kind: 'cpu-time';
  readonly timeStepUs: number;
}

/** Fuel of executions, in units of fuel, rounded per execution. The same on every machine for the same request. */
export interface FuelMeasure {
  readonly kind: 'fuel';
  readonly fuelStep: number;
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

/**
 * Which of an instance's time is billed: its whole `life`; `busy` with at least one request in flight, rounded
 * per busy span, overlapping requests once; `kept` idle as one of the minimum instances.
 */
export const INSTANCE_TIMES = ['life', 'busy', 'kept'] as const;
export type InstanceTime = (typeof INSTANCE_TIMES)[number];

/** Time × the vCPUs of an instance, in thousandths of a vCPU-microsecond. */
export interface InstanceVcpuTimeMeasure {
  readonly kind: 'instance-vcpu-time';
  readonly time: InstanceTime;
  readonly timeStepUs: number;
  readonly timeMinUs: number;
}

/** Time × the memory of an instance, in byte-microseconds. */
export interface InstanceMemoryTimeMeasure {
  readonly kind: 'instance-memory-time';
  readonly time: InstanceTime;
  readonly memoryStepBytes: number;
  readonly memoryMinBytes: number;
  /** Memory of each instance that another meter pays for; only what is above it counts. */
  readonly memoryIncludedBytes?: number;
  readonly timeStepUs: number;
  readonly timeMinUs: number;
}

/** Time of the billed period, in microseconds, for what stands there whether used or not. */
export interface PeriodTimeMeasure {
  readonly kind: 'period-time';
  readonly timeStepUs: number;
}

/**
 * Hours × capacity units, where each clock hour takes the larger share of requests and bytes (both ways): in
 * parts of a unit-hour, of which requestsPerUnitHour × bytesPerUnitHour make one.
 */
export interface CapacityTimeMeasure {
  readonly kind: 'capacity-time';
  readonly requestsPerUnitHour: number;
  readonly bytesPerUnitHour: number;
}

/** A quantity that no record holds and the caller states by this name, for example `logBytes`. */
export interface StatedMeasure {
  readonly kind: 'stated';
  readonly name: string;
}

/** `requests` and the bytes are plain counts; `base-fee` is one for each month. */
export type Measure =
  | { readonly kind: 'requests' | 'base-fee' | 'bytes-out' | 'bytes-through' }
  | MemoryTimeMeasure
  | VcpuTimeMeasure
  | ClockTimeMeasure
  | CpuTimeMeasure
  | FuelMeasure
  | InstanceTimeMeasure
  | InstanceVcpuTimeMeasure
  | InstanceMemoryTimeMeasure
  | PeriodTimeMeasure
  | CapacityTimeMeasure
  | StatedMeasure;

/** What a book's meters count: executions, lives of instances, or what stands beside them (gateways, traffic). */
export const BOOK_KINDS = ['executions', 'instances', 'extras'] as const;
export type BookKind = (typeof BOOK_KINDS)[number];

/** The measures that each kind of book may have. */
export const MEASURES_OF: Readonly<Record<BookKind, readonly Measure['kind'][]>> = {
  executions: [
    'base-fee',
    'requests',
    'memory-time',
    'vcpu-time',
    'clock-time',
    'cpu-time',
    'fuel',
    'bytes-out',
  ],
  instances: [
    'base-fee',
    'requests',
    'instance-time',
    'instance-vcpu-time',
    'instance-memory-time',
    'cpu-time',
  ],
  extras: ['base-fee', 'requests', 'bytes-out', 'bytes-through', 'period-time', 'capacity-time', 'stated'],
};
