/** The instance record: how long one machine, dyno or function instance existed, for prices by the instance. */

/** One instance. Times are integer microseconds on the same clock as the executions. */
export interface InstanceRecord {
  /** The size's name in its price book, for example `m7g.large`. */
  readonly size: string;
  readonly startedAtUs: number;
  readonly endedAtUs: number;
}
