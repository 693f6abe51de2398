/** Refusals that name a place in a trace: file, line, column, what was expected and what came. */
import { CodedError } from '../../metering/errors.ts';

/** Where in a trace something is; lines count from 1, and a row over several lines is where it begins. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

const SHOWN_MAX = 80;

/** A value for a message: quoted, and cut when it is long. */
export function shown(value: string): string {
  return JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}…` : value);
}

/** @param column null when the fault is the row's, not one column's. */
export function rowFault(place: Place, column: string | null, expected: string, got: string): CodedError {
  const { file, line } = place;
  const where = column === null ? `${file} line ${line}` : `${file} line ${line}, column ${column}`;
  const details = { file, line, ...(column === null ? {} : { column }), expected, got };
  return new CodedError('trace-invalid', `${where}: expected ${expected}, got ${got}`, details);
}
