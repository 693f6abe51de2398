/** What every trace format is to the reader that detects and drives it. */

import type { DurationUnit, TimeUnit } from './time.ts';
import type { Trace } from './trace.ts';

export const TRACE_FORMATS = ['ebb', 'azure2021', 'aws-sweep', 'csv'] as const;
export type TraceFormatName = (typeof TRACE_FORMATS)[number];

/** How to read a trace. The `csv…` options are for the format `csv` alone, and choose it when none is named. */
export interface TraceOptions {
  /** Default `auto`: found from the content. */
  readonly format?: TraceFormatName | 'auto' | undefined;
  /** The column of arrival times. */
  readonly csvTime?: string | undefined;
  /** The column of durations, or a linear expression in columns such as `0.05+0.02*GeneratedTokens`. */
  readonly csvDuration?: string | undefined;
  /** Default: found from the first row. Numbers count since an epoch or since a start. */
  readonly csvTimeUnit?: TimeUnit | undefined;
  /** Default `s`. */
  readonly csvDurationUnit?: DurationUnit | undefined;
  /** The column of function names; without it all requests are to one function. */
  readonly csvFunction?: string | undefined;
  /** The column of configured memory sizes in MB (2^20 bytes). */
  readonly csvMemory?: string | undefined;
}

/** Takes the lines after the first. Throws CodedError `trace-invalid` for a line it cannot read. */
export interface TraceReader {
  /** @param line counts from 1, blank lines and the header included. */
  line(text: string, line: number): void;
  finish(): Trace;
}

export interface TraceFormat {
  readonly name: TraceFormatName;
  /** How a file of this format is recognised, for the message about a file of none. */
  readonly description: string;
  /** Whether a file that begins with this line is of this format. */
  matches(firstLine: string): boolean;
  /** @throws CodedError `trace-invalid` when the first line is not this format's, `usage` for bad options. */
  open(file: string, firstLine: string, line: number, options: TraceOptions): TraceReader;
}
