/** The instance record: how long one machine, dyno or function instance existed and worked, for prices by the instance. */

/** One instance. Times are integer microseconds on the same clock as the executions. */
export interface InstanceRecord {
  /** The size's name in its price book, for example `m7g.large`; what the next two say where it is not listed. */
  readonly size: string;
  readonly startedAtUs: number;
  readonly endedAtUs: number;
  /** Its processors in thousandths of a vCPU; absent when its size says. */
  readonly vcpuMilli?: number;
  /** Its memory; absent when its size says. */
  readonly memoryBytes?: number;
  /** How long each of its busy spans was, as `BusySpans` gives them. Needed where busy time is billed. */
  readonly busySpansUs?: ArrayLike<number>;
  /** How long it was idle as one of the minimum instances, which are paid for while idle. Needed where they are. */
  readonly keptUs?: number;
  /** Processor time that it used. Needed where that is billed. */
  readonly cpuUs?: number;
  /** How many executions it started. Needed where requests are billed. */
  readonly requests?: number;
}

/**
 * Finds the spans in which one instance had at least one request in flight. Times must not go back; of what
 * happens at once, requests end before others start, so that requests one after the other are spans of their own.
 */
export class BusySpans {
  readonly #lengthsUs: number[] = [];
  #inFlight = 0;
  #sinceUs = 0;

  start(nowUs: number): void {
    if (this.#inFlight++ === 0) this.#sinceUs = nowUs;
  }

  end(nowUs: number): void {
    if (this.#inFlight === 0) throw new Error('a request ended that never started');
    if (--this.#inFlight === 0) this.#lengthsUs.push(nowUs - this.#sinceUs);
  }

  /** The spans that are over. */
  get lengthsUs(): readonly number[] {
    return this.#lengthsUs;
  }
}
