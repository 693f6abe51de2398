/** Reads and checks the query parameters of the admin listener. */
import { CodedError } from '../metering/errors.ts';
import type { LedgerFilter } from './ledger/ledger.ts';

type Query = Readonly<Record<string, string>>;

/** @throws CodedError `query-invalid` when a parameter is not one of `allowed`. */
export function checkParameters(query: Query, allowed: readonly string[]): void {
  for (const name of Object.keys(query)) {
    if (allowed.includes(name)) continue;
    throw new CodedError(
      'query-invalid',
      `expected the parameters ${allowed.join(', ')}, got ${JSON.stringify(name)}`,
    );
  }
}

/** A whole number from `min` to `max`. @throws CodedError `query-invalid` */
export function integerParameter(query: Query, name: string, min: number, max: number): number | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new CodedError(
    'query-invalid',
    `${name}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`,
  );
}

/** A point in time as ISO 8601 (2026-11-21, 2026-11-21T12:00:00Z). @throws CodedError `query-invalid` */
function timeParameter(query: Query, name: string): number | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms)) return ms * 1_000;
  throw new CodedError(
    'query-invalid',
    `${name}: expected a time such as 2026-11-21T12:00:00Z, got ${JSON.stringify(text)}`,
  );
}

export const FILTER_PARAMETERS = ['function', 'from', 'to'] as const;

export function ledgerFilter(query: Query): LedgerFilter {
  const filter = {
    functionName: query.function,
    fromUs: timeParameter(query, 'from'),
    toUs: timeParameter(query, 'to'),
  };
  if (filter.fromUs !== undefined && filter.toUs !== undefined && filter.fromUs >= filter.toUs) {
    throw new CodedError('query-invalid', `to: expected a time after from (${query.from}), got ${query.to}`);
  }
  return filter;
}

/** `true` or `false`, false when absent. @throws CodedError `query-invalid` */
export function booleanParameter(query: Query, name: string): boolean {
  const text = query[name] ?? 'false';
  if (text === 'true' || text === 'false') return text === 'true';
  throw new CodedError('query-invalid', `${name}: expected true or false, got ${JSON.stringify(text)}`);
}
