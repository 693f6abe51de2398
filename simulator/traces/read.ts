/**
 * Text becomes a trace: cuts chunks into lines, finds the format from the first one and drives its reader. It
 * knows no files: chunks may come from anywhere.
 */
import { CodedError } from '../../metering/errors.ts';
import { didYouMean } from '../../metering/nearest.ts';
import { awsSweepFormat } from './aws-sweep.ts';
import { azure2021Format } from './azure2021.ts';
import { ebbFormat } from './ebb.ts';
import { rowFault, shown } from './fault.ts';
import {
  TRACE_FORMATS,
  type TraceFormat,
  type TraceFormatName,
  type TraceOptions,
  type TraceReader,
} from './format.ts';
import { csvFormat } from './generic-csv.ts';
import { DURATION_UNITS, TIME_UNITS } from './time.ts';
import { emptyTrace, type Trace } from './trace.ts';

const FORMATS: Readonly<Record<TraceFormatName, TraceFormat>> = {
  ebb: ebbFormat,
  azure2021: azure2021Format,
  'aws-sweep': awsSweepFormat,
  csv: csvFormat,
};

const CSV_OPTIONS = [
  'csvTime',
  'csvDuration',
  'csvTimeUnit',
  'csvDurationUnit',
  'csvFunction',
  'csvMemory',
] as const;
const CHOICES = {
  format: ['auto', ...TRACE_FORMATS],
  csvTimeUnit: TIME_UNITS,
  csvDurationUnit: DURATION_UNITS,
} as const;

/** @throws CodedError `usage`, which lists every fault at once. */
function checkOptions(options: TraceOptions): void {
  const faults: string[] = [];
  const known = ['format', ...CSV_OPTIONS];
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!known.includes(key)) faults.push(`no option ${shown(key)}${didYouMean(key, known)}`);
    else if (typeof value !== 'string') faults.push(`${key}: expected text, got ${String(value)}`);
  }
  for (const [key, allowed] of Object.entries(CHOICES)) {
    const value = options[key as keyof typeof CHOICES];
    if (typeof value === 'string' && !(allowed as readonly string[]).includes(value)) {
      faults.push(
        `${key}: expected one of ${allowed.join(', ')}, got ${shown(value)}${didYouMean(value, allowed)}`,
      );
    }
  }
  const csvOption = CSV_OPTIONS.find((key) => options[key] !== undefined);
  const { format = 'auto' } = options;
  if (csvOption !== undefined && format !== 'auto' && format !== 'csv') {
    faults.push(`${csvOption} is for the format csv alone, but the format is ${shown(format)}`);
  }
  if (faults.length > 0) throw new CodedError('usage', `trace options: ${faults.join('; ')}`, { faults });
}

function formatOf(file: string, firstLine: string, options: TraceOptions): TraceFormat {
  const { format = 'auto' } = options;
  if (format !== 'auto') return FORMATS[format];
  if (CSV_OPTIONS.some((key) => options[key] !== undefined)) return csvFormat;
  const found = Object.values(FORMATS).find((candidate) => candidate.matches(firstLine));
  if (found) return found;
  const formats = Object.values(FORMATS).map(({ name, description }) => `${name}: ${description}`);
  throw new CodedError(
    'trace-format-unknown',
    `${file}: its first line ${shown(firstLine)} is of no known format. Known are ${formats.join('; ')}`,
    { file, formats: [...TRACE_FORMATS] },
  );
}

const LINE_CHARACTERS_MAX = 1_048_576;

/** Takes a trace's text in chunks of any size. */
export class TraceIntake {
  readonly #file: string;
  readonly #options: TraceOptions;
  #reader: TraceReader | null = null;
  #rest = '';
  #line = 0;

  /**
   * @param file the name as it was given, for messages and the result.
   * @throws CodedError `usage` for options that do not fit together.
   */
  constructor(file: string, options: TraceOptions = {}) {
    checkOptions(options);
    this.#file = file;
    this.#options = options;
  }

  /** @throws CodedError `trace-invalid`, `trace-format-unknown` or `usage` at the first line that is at fault. */
  push(chunk: string): void {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
      this.#take(this.#rest + chunk.slice(from, end));
      this.#rest = '';
      from = end + 1;
    }
    this.#rest += chunk.slice(from);
    if (this.#rest.length > LINE_CHARACTERS_MAX) {
      // Too long for a first line: a file of no format that Ebb reads, which says more than the length.
      if (this.#reader === null) this.#take(this.#rest);
      const place = { file: this.#file, line: this.#line + 1 };
      throw rowFault(place, null, `a line of at most ${LINE_CHARACTERS_MAX} characters`, 'a longer one');
    }
  }

  /** @throws CodedError as `push`, and `trace-empty`. */
  finish(): Trace {
    if (this.#rest !== '') this.#take(this.#rest);
    this.#rest = '';
    if (this.#reader === null) throw emptyTrace(this.#file, 0);
    return this.#reader.finish();
  }

  #take(text: string): void {
    const line = ++this.#line;
    const bare = text.endsWith('\r') ? text.slice(0, -1) : text;
    if (this.#reader !== null) {
      this.#reader.line(bare, line);
      return;
    }
    const first = bare.replace(/^\uFEFF/, '');
    if (first.trim() === '') return;
    this.#reader = formatOf(this.#file, first, this.#options).open(this.#file, first, line, this.#options);
  }
}

/** Reads a trace that is in memory. Errors as TraceIntake's. */
export function readTraceText(text: string, file: string, options: TraceOptions = {}): Trace {
  const intake = new TraceIntake(file, options);
  intake.push(text);
  return intake.finish();
}
