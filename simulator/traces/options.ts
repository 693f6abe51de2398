/** Checks how a trace is to be read, all faults at once, before any of it is. */
import { CodedError } from '../../metering/errors.ts';
import { didYouMean } from '../../metering/nearest.ts';
import { shown } from './fault.ts';
import { TRACE_FORMATS, type TraceFormatName, type TraceOptions } from './format.ts';
import { FUNCTION_NAMINGS } from './function-name.ts';
import { SPREADS } from './spread.ts';
import { DURATION_UNITS, TIME_UNITS } from './time.ts';

/** Options that choose the format `csv` when none is named. */
export const CSV_OPTIONS = [
  'csvTime',
  'csvDuration',
  'csvTimeUnit',
  'csvDurationUnit',
  'csvFunction',
  'csvMemory',
] as const;

const TEXTS = [
  'format',
  ...CSV_OPTIONS,
  'durations',
  'memory',
  'spread',
  'functionBy',
  'serviceTime',
] as const;
const INTEGERS = {
  traceMemoryMb: [1, 2 ** 24],
  maxBadRows: [0, 2 ** 31],
  seed: [0, Number.MAX_SAFE_INTEGER],
};

export const TRACE_OPTION_KEYS = [
  ...TEXTS,
  'traceMemoryMb',
  'maxBadRows',
  'transform',
  'seed',
] as const satisfies readonly (keyof TraceOptions)[];

const CHOICES = {
  format: ['auto', ...TRACE_FORMATS],
  csvTimeUnit: TIME_UNITS,
  csvDurationUnit: DURATION_UNITS,
  spread: SPREADS,
  functionBy: FUNCTION_NAMINGS,
} as const;

const URL_FORMATS: readonly TraceFormatName[] = [
  'alb',
  'cloudfront',
  'common-log',
  'k6-json',
  'k6-csv',
  'vegeta-json',
  'vegeta-csv',
  'har',
];
/** Options that only some formats can use, and those formats. */
const FITTING: Readonly<Partial<Record<keyof TraceOptions, readonly TraceFormatName[]>>> = {
  csvTime: ['csv'],
  csvDuration: ['csv', 'mooncake'],
  csvTimeUnit: ['csv'],
  csvDurationUnit: ['csv', 'mooncake'],
  csvFunction: ['csv'],
  csvMemory: ['csv'],
  durations: ['azure2019', 'huawei2023'],
  memory: ['azure2019'],
  spread: ['azure2019', 'huawei2023', 'counts'],
  functionBy: URL_FORMATS,
};

const isText = (value: unknown): boolean => typeof value === 'string';

function typeFaults(options: Readonly<Record<string, unknown>>): string[] {
  const faults: string[] = [];
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!(TRACE_OPTION_KEYS as readonly string[]).includes(key)) {
      faults.push(`no option ${shown(key)}${didYouMean(key, TRACE_OPTION_KEYS)}`);
    } else if ((TEXTS as readonly string[]).includes(key) && !isText(value)) {
      faults.push(`${key}: expected text, got ${String(value)}`);
    } else if (key === 'transform' && !isText(value) && !(Array.isArray(value) && value.every(isText))) {
      faults.push(`transform: expected text or a list of texts, got ${String(value)}`);
    }
  }
  for (const [key, [min = 0, max = 0]] of Object.entries(INTEGERS)) {
    const value = options[key];
    if (value === undefined) continue;
    const isGood = Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
    if (!isGood) faults.push(`${key}: expected an integer from ${min} to ${max}, got ${String(value)}`);
  }
  return faults;
}

/** @throws CodedError `usage`, which lists every fault at once. */
export function checkOptions(options: TraceOptions): void {
  const faults = typeFaults(options as Readonly<Record<string, unknown>>);
  for (const [key, allowed] of Object.entries(CHOICES)) {
    const value = options[key as keyof typeof CHOICES];
    if (typeof value === 'string' && !(allowed as readonly string[]).includes(value)) {
      faults.push(
        `${key}: expected one of ${allowed.join(', ')}, got ${shown(value)}${didYouMean(value, allowed)}`,
      );
    }
  }
  const { format = 'auto' } = options;
  if (format !== 'auto' && (TRACE_FORMATS as readonly string[]).includes(format)) {
    faults.push(...misfits(options, format));
  }
  if (faults.length > 0) throw new CodedError('usage', `trace options: ${faults.join('; ')}`, { faults });
}

function misfits(options: TraceOptions, format: TraceFormatName): string[] {
  const keys = Object.keys(FITTING) as (keyof typeof FITTING)[];
  return keys
    .filter((key) => options[key] !== undefined && !FITTING[key]?.includes(format))
    .map(
      (key) => `${key} is for the format ${listed(FITTING[key])} alone, but the format is ${shown(format)}`,
    );
}

const listed = (formats: readonly string[] = []): string =>
  formats.length === 1 ? `${formats[0]}` : `${formats.slice(0, -1).join(', ')} or ${formats.at(-1)}`;

/** Refuses options that the format which was found cannot use. @throws CodedError `usage` */
export function checkFit(options: TraceOptions, format: TraceFormatName): void {
  const faults = misfits(options, format);
  if (faults.length > 0) throw new CodedError('usage', `trace options: ${faults.join('; ')}`, { faults });
}
