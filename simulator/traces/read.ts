/**
 * Bytes become a trace: finds the format from the first of them, drives its reader and fills what it does not say.
 * It knows no files: chunks may come from anywhere.
 */
import { CodedError } from '../../metering/errors.ts';
import { RandomStream } from '../kernel/random.ts';
import { BadRows } from './bad-rows.ts';
import { type Thinning, TraceBuilder } from './builder.ts';
import { rowFault, shown } from './fault.ts';
import { fillTrace } from './fill.ts';
import type {
  Companion,
  TraceFormat,
  TraceFormatName,
  TraceHead,
  TraceOptions,
  TraceReader,
  TraceSource,
} from './format.ts';
import { FORMATS } from './formats.ts';
import { csvFormat } from './generic-csv.ts';
import { blankLines, joined } from './head-bytes.ts';
import { LineCutter } from './lines.ts';
import { CSV_OPTIONS, checkFit, checkOptions } from './options.ts';
import { parseServiceTime, type ServiceTime } from './service-time.ts';
import { whole } from './stored.ts';
import type { Spilling } from './temp-files.ts';
import { emptyTrace, type ReadTrace, type Trace } from './trace.ts';
import { applySteps, leadingShare, parseSteps, type Step, stepsAfterReading } from './transform.ts';
import { atOnce, type Work } from './turns.ts';

export const SEED_DEFAULT = 1;

function formatOf(file: string, head: TraceHead, options: TraceOptions): TraceFormat {
  const { format = 'auto' } = options;
  if (format !== 'auto') return FORMATS[format];
  const found = Object.values(FORMATS).find((candidate) => candidate.matches(head));
  // A CSV of any kind is read as the options say, whatever else it might be.
  const isChosen = CSV_OPTIONS.some((key) => options[key] !== undefined) && found?.name !== 'mooncake';
  if (isChosen) return csvFormat;
  if (found) return found;
  const names = Object.keys(FORMATS).filter((name) => name !== 'csv');
  throw new CodedError(
    'trace-format-unknown',
    `${file}: its first line ${shown(head.firstLine)} is of no known format. Known are ${names.join(', ')}; and csv: ${csvFormat.description}`,
    { file, formats: Object.keys(FORMATS) },
  );
}

// Enough for the first objects of a JSON array, which may be spread over many lines.
const HEAD_BYTES = 65_536;
const HEAD_BYTES_MAX = 1_048_576;
const NEWLINE = 10;

export interface IntakeRules {
  /** The service time, when the option names a file that was read for it. */
  readonly serviceTime?: ServiceTime | undefined;
  /** Whether rules for filling may find nothing to fill: another trace that is mixed in may need them. */
  readonly mayIdle?: boolean | undefined;
  /** Where a long trace goes; without it all of it is in memory. */
  readonly spilling?: Spilling | null | undefined;
}

/** Takes a trace's bytes in chunks of any size. */
export class TraceIntake {
  readonly #file: string;
  readonly #options: TraceOptions;
  readonly #mayIdle: boolean;
  readonly #spilling: Spilling | null;
  readonly #serviceTime: ServiceTime | null;
  readonly #badRows: BadRows;
  readonly #steps: readonly Step[];
  readonly #seed: number;
  #builder: TraceBuilder | null = null;
  #format: TraceFormat | null = null;
  #reader: TraceReader | null = null;
  #push: ((chunk: Uint8Array) => void) | null = null;
  #lines: LineCutter | null = null;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  /**
   * @param file the name as it was given, for messages and the result.
   * @throws CodedError `usage` for options that do not fit together.
   */
  constructor(file: string, options: TraceOptions = {}, rules: IntakeRules = {}) {
    const { serviceTime, mayIdle = false, spilling = null } = rules;
    checkOptions(options);
    this.#file = file;
    this.#options = options;
    this.#mayIdle = mayIdle;
    this.#spilling = spilling;
    this.#badRows = new BadRows(options.maxBadRows ?? 0);
    this.#steps = parseSteps(options.transform);
    this.#seed = options.seed ?? SEED_DEFAULT;
    const { serviceTime: text } = options;
    this.#serviceTime = serviceTime ?? (text === undefined ? null : parseServiceTime(text));
  }

  /** @throws CodedError `trace-invalid`, `trace-format-unknown` or `usage` at the first line that is at fault. */
  push(chunk: Uint8Array): void {
    if (this.#push !== null) {
      this.#push(chunk);
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= HEAD_BYTES) this.#start(this.#waitingBytes >= HEAD_BYTES_MAX);
  }

  /** A chance to sort what has no place in memory, after each piece of the file. @throws CodedError `file-unwritable` */
  *settle(): Work<void> {
    if (this.#builder !== null) yield* this.#builder.settle();
  }

  /** Files that the trace's format may need, after all of its own bytes and before `finish`. */
  companionPath(which: Companion): { readonly path: string; readonly isNamed: boolean } | null {
    if (this.#push === null) this.#start(true);
    const named = this.#options[which];
    if (this.#reader?.companion === undefined) return null;
    if (named !== undefined) return { path: named, isNamed: true };
    const path = this.#format?.companionPath?.(this.#file, which) ?? null;
    return path === null ? null : { path, isNamed: false };
  }

  /** Something that takes a companion file's bytes. */
  companion(which: Companion, file: string): { push(chunk: Uint8Array): void; finish(): void } {
    const reader = this.#reader?.companion?.(which, file);
    if (reader === undefined) throw new Error(`the format has no file of ${which}`);
    const lines = new LineCutter(file, (text, line) => {
      if (text.trim() !== '') this.#badRows.guard(() => reader.line(text, line));
    });
    return {
      push: (chunk) => lines.push(chunk),
      finish: () => {
        lines.finish();
        reader.finish();
      },
    };
  }

  /** @throws CodedError as `push`, and `trace-empty`. */
  *finish(): Work<ReadTrace> {
    if (this.#push === null) this.#start(true);
    if (this.#reader === null) throw emptyTrace(this.#file, 0);
    this.#lines?.finish();
    const trace = yield* this.#reader.finish();
    const { count: skippedBad, messages: badRows } = this.#badRows;
    return yield* fillTrace(
      { ...trace, skippedBad, badRows, transformed: this.#saidThinning(trace) },
      {
        seed: this.#seed,
        serviceTime: this.#serviceTime,
        memoryMb: this.#options.traceMemoryMb ?? null,
        mayIdle: this.#mayIdle,
      },
      this.#spilling,
    );
  }

  #saidThinning(trace: ReadTrace): string[] {
    const share = leadingShare(this.#steps);
    const offered = this.#builder?.offered ?? 0;
    return share === null
      ? []
      : [`scale=${share}: ${trace.count} of ${offered} requests kept while reading, seed ${this.#seed}`];
  }

  /** Finds the format as soon as there is a whole first line. */
  #start(isAll: boolean): void {
    const bytes = joined(this.#waiting, this.#waitingBytes);
    const skipped = blankLines(bytes);
    if (skipped === null) return;
    const { from, line } = skipped;
    const end = bytes.indexOf(NEWLINE, from);
    if (end < 0 && !isAll) return;
    this.#waiting = [];
    const decoder = new TextDecoder();
    const cut = end < 0 ? Math.min(bytes.length, HEAD_BYTES_MAX) : end;
    const firstLine = decoder.decode(bytes.subarray(from, cut)).replace(/\r$/, '');
    const text = decoder.decode(bytes.subarray(from, from + HEAD_BYTES));
    this.#open({ firstLine, text }, line, bytes.subarray(from), (end < 0 ? bytes.length : end + 1) - from);
  }

  #open(head: TraceHead, line: number, bytes: Uint8Array, restFrom: number): void {
    const format = formatOf(this.#file, head, this.#options);
    checkFit(this.#options, format.name);
    const reader = format.open(this.#source(head.firstLine, line));
    this.#format = format;
    this.#reader = reader;
    if ('push' in reader) {
      this.#push = (chunk) => reader.push(chunk);
      reader.push(bytes);
      return;
    }
    const onLine = (text: string, at: number): void => this.#badRows.guard(() => reader.line(text, at));
    const lines = new LineCutter(this.#file, onLine, format.hasHeader ? line + 1 : line);
    this.#lines = lines;
    this.#push = (chunk) => lines.push(chunk);
    lines.push(format.hasHeader ? bytes.subarray(restFrom) : bytes);
  }

  #source(firstLine: string, line: number): TraceSource {
    return {
      file: this.#file,
      firstLine,
      line,
      options: this.#options,
      seed: this.#seed,
      badRows: this.#badRows,
      builder: (format: TraceFormatName, columns) => {
        this.#builder = new TraceBuilder(this.#file, format, columns, this.#thinning(), this.#spilling);
        return this.#builder;
      },
    };
  }

  #thinning(): Thinning | null {
    const share = leadingShare(this.#steps);
    return share === null ? null : { share, stream: new RandomStream(this.#seed, 'thinning') };
  }
}

/** Reads a trace that is in memory, and transforms it. Errors as TraceIntake's. */
export function readTraceText(text: string, file: string, options: TraceOptions = {}): Trace {
  const intake = new TraceIntake(file, options);
  intake.push(new TextEncoder().encode(text));
  const steps = stepsAfterReading(parseSteps(options.transform));
  const mixOf = (path: string): Trace => {
    throw rowFault({ file, line: 1 }, null, 'no mix for a trace in memory', shown(path));
  };
  const trace = atOnce(intake.finish());
  return whole(atOnce(applySteps(trace, steps, options.seed ?? SEED_DEFAULT, mixOf, null)));
}
