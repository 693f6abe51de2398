/** What every trace format is to the reader that detects and drives it, and the options that all share. */
import type { BadRows } from './bad-rows.ts';
import type { TraceBuilder } from './builder.ts';
import type { FunctionNaming } from './function-name.ts';
import type { Spread } from './spread.ts';
import type { DurationUnit, TimeUnit } from './time.ts';
import type { OptionalColumn, ReadTrace } from './trace.ts';
import type { Work } from './turns.ts';

export const TRACE_FORMATS = [
  'ebb',
  'azure2019',
  'azure2021',
  'huawei2023',
  'huawei2025-cold-starts',
  'huawei2025-requests',
  'cloudwatch',
  'alb',
  'cloudfront',
  'aws-measured',
  'aws-sweep',
  'cloud-run-sweep',
  'cloud-logging',
  'common-log',
  'k6-json',
  'k6-csv',
  'vegeta-json',
  'vegeta-csv',
  'har',
  'mooncake',
  'counts',
  'csv',
] as const;
export type TraceFormatName = (typeof TRACE_FORMATS)[number];

/** How to read a trace. The `csv…` options are for the format `csv` alone, and choose it when none is named. */
export interface TraceOptions {
  /** Default `auto`: found from the content. */
  readonly format?: TraceFormatName | 'auto' | undefined;
  /** The column of arrival times. */
  readonly csvTime?: string | undefined;
  /**
   * The column of durations, or a linear expression in columns such as `0.05+0.02*GeneratedTokens`. The format
   * `mooncake` takes it too, over the fields of its objects.
   */
  readonly csvDuration?: string | undefined;
  /** Default: found from the first row. Numbers count since an epoch or since a start. */
  readonly csvTimeUnit?: TimeUnit | undefined;
  /** Default `s`. */
  readonly csvDurationUnit?: DurationUnit | undefined;
  /** The column of function names; without it all requests are to one function. */
  readonly csvFunction?: string | undefined;
  /** The column of configured memory sizes in MB (2^20 bytes). */
  readonly csvMemory?: string | undefined;
  /** azure2019, huawei2023: the file of durations; default: beside the trace, by the dataset's own naming. */
  readonly durations?: string | undefined;
  /** azure2019: the file of memory sizes; default as for durations. */
  readonly memory?: string | undefined;
  /** For formats of counts: where in its interval a request is; default `uniform`. */
  readonly spread?: Spread | undefined;
  /** For logs with URLs: what makes a function; default `none`, one function for all. */
  readonly functionBy?: FunctionNaming | undefined;
  /** Fills durations that the trace does not say, for example `exponential:120ms`. */
  readonly serviceTime?: string | undefined;
  /** Fills configured memory that the trace does not say, in MB (2^20 bytes). */
  readonly traceMemoryMb?: number | undefined;
  /** Rows that may be passed over because they cannot be read; default 0. */
  readonly maxBadRows?: number | undefined;
  /** Transformations in order, for example `filter=function~^api,scale=2`. */
  readonly transform?: string | readonly string[] | undefined;
  /** Seed of all draws, 0 to 2^53 − 1; default 1. */
  readonly seed?: number | undefined;
}

/** What a format is given to read one file. */
export interface TraceSource {
  readonly file: string;
  /** The first line that is not blank, and its number. */
  readonly firstLine: string;
  readonly line: number;
  readonly options: TraceOptions;
  readonly seed: number;
  readonly badRows: BadRows;
  builder(format: TraceFormatName, columns: readonly OptionalColumn[]): TraceBuilder;
}

/** Files that belong to a trace: Azure 2019 has its durations and its memory in files of their own. */
export const COMPANIONS = ['durations', 'memory'] as const;
export type Companion = (typeof COMPANIONS)[number];

export interface CompanionReader {
  line(text: string, line: number): void;
  finish(): void;
}

interface Finishing {
  finish(): Work<ReadTrace>;
  /** Takes a companion file's lines, the header included, after the trace's own and before `finish`. */
  companion?(which: Companion, file: string): CompanionReader;
}

/** Takes lines; blank ones too. Throws CodedError `trace-invalid` for a line it cannot read. */
export interface LineReader extends Finishing {
  /** @param line counts from 1, blank lines and the header included. */
  line(text: string, line: number): void;
}

/** Takes the whole file's bytes from its first line on, and counts its bad rows itself. */
export interface ByteReader extends Finishing {
  push(chunk: Uint8Array): void;
}

export type TraceReader = LineReader | ByteReader;

/** The first piece of a file. */
export interface TraceHead {
  /** The first line that is not blank; possibly cut when it is very long. */
  readonly firstLine: string;
  /** The first some ten thousand characters. */
  readonly text: string;
}

export interface TraceFormat {
  readonly name: TraceFormatName;
  /** How a file of this format is recognised, for the message about a file of none. */
  readonly description: string;
  /** Whether the first line is a header, which `open` checks, and no row. */
  readonly hasHeader: boolean;
  /** Whether a file that begins like this is of this format. */
  matches(head: TraceHead): boolean;
  /** @throws CodedError `trace-invalid` when the first line is not this format's, `usage` for bad options. */
  open(source: TraceSource): TraceReader;
  /** Where the dataset's own naming has a companion file; null when the name does not say. */
  companionPath?(path: string, which: Companion): string | null;
}
