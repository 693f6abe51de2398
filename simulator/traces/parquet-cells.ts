/**
 * What the columns of a Parquet file hold, as the text that a CSV of the same rows would have. It knows neither
 * files nor trace formats.
 */

/** Of a column's description in the file, what decides how its values are written. */
export interface ColumnSchema {
  readonly name: string;
  readonly type?: string;
  readonly repetition_type?: string;
  readonly num_children?: number;
  readonly converted_type?: string;
  readonly logical_type?: { readonly type: string };
  readonly scale?: number;
}

/** Kinds that have no text which a trace could use: times of day, and bytes that are no text. */
const UNREADABLE = ['TIME', 'TIME_MILLIS', 'TIME_MICROS', 'BSON', 'INTERVAL', 'GEOMETRY', 'GEOGRAPHY'];
/** Kinds that the library scales or converts only where the older of the two notations says so as well. */
const CONVERTED = ['DECIMAL', 'DATE'];
const FIXED_BYTES_KINDS = ['DECIMAL', 'UUID', 'FLOAT16'];

/** Why a column cannot become text, such as `nested` or `INTERVAL`; null when it can. */
export function unreadableKind(column: ColumnSchema): string | null {
  if (column.num_children !== undefined || column.repetition_type === 'REPEATED') return 'nested';
  const kinds = [column.logical_type?.type, column.converted_type].filter((kind) => kind !== undefined);
  const unreadable = kinds.find((kind) => UNREADABLE.includes(kind));
  if (unreadable !== undefined) return unreadable;
  const [kind] = kinds;
  if (kind !== undefined && CONVERTED.includes(kind) && column.converted_type !== kind) return kind;
  const isBytes = column.type === 'FIXED_LEN_BYTE_ARRAY';
  return isBytes && !kinds.some((one) => FIXED_BYTES_KINDS.includes(one)) ? 'bytes' : null;
}

/** A time since the epoch as `2023-11-16T18:17:03.979960000Z`; `perSecond` is a power of ten. */
function timestampText(count: bigint, perSecond: bigint): string {
  const fraction = ((count % perSecond) + perSecond) % perSecond;
  const date = new Date(Number((count - fraction) / perSecond) * 1_000);
  if (Number.isNaN(date.getTime())) return `${count} / ${perSecond} s`;
  const digits = String(perSecond).length - 1;
  return `${date.toISOString().slice(0, -5)}.${String(fraction).padStart(digits, '0')}Z`;
}

const decoder = new TextDecoder();

/** What the library makes of kinds that are no plain numbers or text: text at once, with every digit there is. */
export const TEXT_PARSERS = {
  timestampFromMilliseconds: (count: bigint): string => timestampText(count, 1_000n),
  timestampFromMicroseconds: (count: bigint): string => timestampText(count, 1_000_000n),
  timestampFromNanoseconds: (count: bigint): string => timestampText(count, 1_000_000_000n),
  dateFromDays: (days: number): string => new Date(days * 86_400_000).toISOString().slice(0, 10),
  jsonFromBytes: (bytes: Uint8Array): string => decoder.decode(bytes),
};

// Nine significant digits tell any two floats of 32 bits apart; most need fewer.
const FLOAT32_DIGITS = [6, 7, 8, 9];

/** The shortest decimal that is this float of 32 bits: 0.7, where the same number as a double begins 0.69999998. */
function float32Text(value: number): string {
  for (const digits of FLOAT32_DIGITS) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return String(shorter);
  }
  return String(value);
}

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** How a column's values become fields of a CSV; nothing for a value that is missing, or NaN, as pandas writes it. */
export function cellWriter(column: ColumnSchema): (value: unknown) => string {
  const { type, converted_type, scale = 0 } = column;
  if (converted_type === 'DECIMAL') {
    // The library multiplies by a binary fraction; so many places are what the decimal really has.
    return (value) => (typeof value === 'number' ? value.toFixed(scale) : '');
  }
  if (type === 'FLOAT') {
    return (value) => (typeof value === 'number' && !Number.isNaN(value) ? float32Text(value) : '');
  }
  return (value) =>
    value === null || value === undefined || Number.isNaN(value) ? '' : quoted(String(value));
}

/** The names as the header of a CSV. */
export const headerText = (columns: readonly ColumnSchema[]): string =>
  columns.map(({ name }) => quoted(name)).join(',');
