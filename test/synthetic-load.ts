/** Seeded traces made up from distributions: arrivals at random and service times of one kind, one function. */
import { CodedError } from '../metering/errors.ts';
import { RandomStream } from '../simulator/kernel/random.ts';
import { TraceBuilder } from '../simulator/traces/builder.ts';
import { whole } from '../simulator/traces/stored.ts';
import type { Trace } from '../simulator/traces/trace.ts';
import { atOnce } from '../simulator/traces/turns.ts';

export interface SyntheticLoad {
  readonly seed: number;
  /** How many requests; 1 or more. */
  readonly requests: number;
  /** Mean time between arrivals, which are a Poisson process. */
  readonly meanGapUs: number;
  readonly meanRunUs: number;
  /** How service times spread around their mean. */
  readonly run: 'exponential' | 'constant';
}

/** Times are rounded to whole microseconds. @throws CodedError `trace-empty` for no requests. */
export function syntheticTrace(load: SyntheticLoad): Trace {
  if (!(load.meanGapUs >= 0 && load.meanRunUs >= 0)) {
    const got = `${load.meanGapUs} and ${load.meanRunUs}`;
    throw new CodedError('value-invalid', `expected a mean gap and a mean run of 0 µs or more, got ${got}`);
  }
  const gaps = new RandomStream(load.seed, 'arrivals');
  const runs = new RandomStream(load.seed, 'service times');
  const builder = new TraceBuilder('synthetic', 'synthetic', []);
  const { row } = builder;
  row.functionIndex = builder.functionIndex('function');
  let nowUs = 0;
  for (let request = 0; request < load.requests; request++) {
    nowUs += gaps.exponential(load.meanGapUs);
    row.arrivedAtUs = Math.round(nowUs);
    row.runUs = Math.round(load.run === 'constant' ? load.meanRunUs : runs.exponential(load.meanRunUs));
    builder.add();
  }
  return whole(atOnce(builder.finish()));
}
