/** What tests of trace formats share: fixtures, traces as rows, and refusals. */

import type { TraceOptions } from '../simulator/traces/format.ts';
import { readTraceText } from '../simulator/traces/read.ts';
import type { Trace } from '../simulator/traces/trace.ts';

export const fixture = (name: string): string => new URL(`./traces/${name}`, import.meta.url).pathname;
export const sample = (name: string): string =>
  new URL(`../simulator/traces/samples/${name}`, import.meta.url).pathname;
export const MB = 2 ** 20;

export const read = (text: string, options: TraceOptions = {}): Trace => readTraceText(text, 'x', options);

/** [function, arrival, run] of each arrival. */
export const rowsOf = (trace: Trace) =>
  Array.from(trace.arrivedAtUs, (time, at) => [
    trace.functionNames[trace.functionIndex[at] as number],
    time,
    trace.runUs[at],
  ]);

export const isSorted = ({ arrivedAtUs }: Trace): boolean =>
  arrivedAtUs.every((time, at) => at === 0 || time >= (arrivedAtUs[at - 1] as number));

/** What a text that must not be read is refused with. */
export function refusal(text: string, options?: TraceOptions): { code: string; message: string } {
  try {
    read(text, options);
  } catch (thrown) {
    return thrown as { code: string; message: string };
  }
  throw new Error('it was read');
}
