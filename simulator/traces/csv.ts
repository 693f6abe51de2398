/** Comma-separated rows: quotes, quoted line ends, a header. It knows no trace format. */
import { CodedError } from '../../metering/errors.ts';
import { didYouMean } from '../../metering/nearest.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { CompanionReader, LineReader, TraceSource } from './format.ts';
import type { ReadTrace } from './trace.ts';
import type { Work } from './turns.ts';

/** The fields of one row, or null when a quote is still open at its end. */
export function splitRow(text: string, place: Place): string[] | null {
  if (!text.includes('"')) return text.split(',');
  const fields: string[] = [];
  for (let at = 0; ; at++) {
    if (text[at] !== '"') {
      const comma = text.indexOf(',', at);
      fields.push(text.slice(at, comma < 0 ? text.length : comma));
      if (comma < 0) return fields;
      at = comma;
      continue;
    }
    const end = closingQuote(text, at + 1);
    if (end < 0) return null;
    fields.push(text.slice(at + 1, end).replaceAll('""', '"'));
    if (end + 1 === text.length) return fields;
    if (text[end + 1] !== ',') {
      throw rowFault(place, null, 'a comma after a closing quote', shown(text.slice(end + 1, end + 9)));
    }
    at = end + 1;
  }
}

/** The place of the quote that ends a field; a doubled quote is one of the field's own. */
function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}

/** The names of a header; a header's quotes must close on its line. */
export function headerColumns(text: string): string[] {
  return (splitRow(text, { file: '', line: 1 }) ?? []).map((name) => name.trim());
}

/** Whether a header has all these columns. */
export function hasColumns(header: string, wanted: readonly string[]): boolean {
  try {
    const columns = headerColumns(header);
    return wanted.every((name) => columns.includes(name));
  } catch {
    // A header that is no CSV has no columns.
    return false;
  }
}

/**
 * The place of a column that a format must have.
 * @throws CodedError `trace-invalid`
 */
export function formatColumn(columns: readonly string[], name: string, place: Place): number {
  const index = columns.indexOf(name);
  if (index < 0) throw rowFault(place, null, `a header with a column ${name}`, `columns ${listed(columns)}`);
  return index;
}

/**
 * The place of a column that an option names.
 * @throws CodedError `usage`, with the columns there are.
 */
export function optionColumn(columns: readonly string[], name: string, option: string, file: string): number {
  const index = columns.indexOf(name);
  if (index >= 0 && columns.indexOf(name, index + 1) < 0) return index;
  const wrong = index < 0 ? 'no column' : 'more than one column';
  throw new CodedError(
    'usage',
    `${option}: ${file} has ${wrong} ${shown(name)}${index < 0 ? didYouMean(name, columns) : ''}; its columns are ${listed(columns)}`,
    { option, column: name, columns },
  );
}

const listed = (columns: readonly string[]): string => shown(columns.join(', ')).slice(1, -1);

/** Joins lines into rows and hands each row's fields on, when there are as many as columns. */
export class CsvRows {
  readonly #file: string;
  readonly #columnCount: number;
  readonly #onRow: (fields: readonly string[], place: Place) => void;
  #open: { text: string; readonly place: Place } | null = null;

  constructor(file: string, columnCount: number, onRow: (fields: readonly string[], place: Place) => void) {
    this.#file = file;
    this.#columnCount = columnCount;
    this.#onRow = onRow;
  }

  /** Whether a quoted field goes on in the next line. */
  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** @throws CodedError `trace-invalid` */
  line(text: string, line: number): void {
    const open = this.#open;
    if (open === null && text.trim() === '') return;
    const place = open?.place ?? { file: this.#file, line };
    const whole = open === null ? text : `${open.text}\n${text}`;
    // Closed first: a row that cannot be split must not swallow the next one.
    this.#open = null;
    const fields = splitRow(whole, place);
    if (fields === null) this.#open = { text: whole, place };
    if (fields === null) return;
    if (fields.length !== this.#columnCount) {
      throw rowFault(place, null, `${this.#columnCount} fields as in the header`, String(fields.length));
    }
    this.#onRow(fields, place);
  }

  finish(): void {
    if (this.#open !== null) throw rowFault(this.#open.place, null, 'a closing quote', 'the end of the file');
  }
}

/** A field of the row that is read, without the spaces around it. */
export type FieldOf<Column extends string> = (column: Column) => string;

/**
 * A reader of a CSV with at least these columns.
 * @throws CodedError `trace-invalid` when the header lacks one.
 */
export function csvReader<Column extends string>(
  source: TraceSource,
  wanted: readonly Column[],
  onRow: (field: FieldOf<Column>, place: Place) => void,
  finish: () => Work<ReadTrace>,
): LineReader {
  const { file, firstLine, line: headerLine, badRows } = source;
  const columns = headerColumns(firstLine);
  const place = { file, line: headerLine };
  const at = new Map<Column, number>(wanted.map((name) => [name, formatColumn(columns, name, place)]));
  let row: readonly string[] = [];
  const field: FieldOf<Column> = (column) => (row[at.get(column) as number] as string).trim();
  const rows = new CsvRows(file, columns.length, (fields, where) => {
    row = fields;
    onRow(field, where);
  });
  return {
    line: (text, line) => rows.line(text, line),
    finish() {
      badRows.guard(() => rows.finish());
      return finish();
    },
  };
}

/**
 * A reader of a companion file that is a CSV.
 * @param open takes its header and the header's line.
 */
export function csvCompanion(open: (header: string, line: number) => CsvRows): CompanionReader {
  let rows: CsvRows | null = null;
  return {
    line(text, line) {
      if (rows === null) rows = open(text, line);
      else rows.line(text, line);
    },
    finish: () => rows?.finish(),
  };
}
