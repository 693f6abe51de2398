/** What tests of traces in files share: the same trace read whole and through a file, and all that is in it. */
import { openWorkload, type WorkloadOptions } from '../simulator/traces/load.ts';
import { TempFiles } from '../simulator/traces/temp-files.ts';
import {
  type ArrivalPiece,
  isStream,
  OPTIONAL_COLUMNS,
  type Replayable,
  type Trace,
  type TraceStream,
} from '../simulator/traces/trace.ts';

export type Rows = readonly (readonly (number | undefined)[])[];

/** [time, run, function, every column], by arrival. */
export function rowsOfPiece(piece: ArrivalPiece): Rows {
  return Array.from({ length: piece.count }, (_, at) => [
    piece.arrivedAtUs[at],
    piece.runUs[at],
    piece.functionIndex[at],
    ...OPTIONAL_COLUMNS.map((key) => piece.columns[key]?.[at]),
  ]);
}

export function allRows(trace: Replayable): Rows {
  if (!isStream(trace)) return rowsOfPiece(trace);
  const rows: Rows[number][] = [];
  for (const piece of trace.pieces()) rows.push(...rowsOfPiece(piece));
  return rows;
}

/** All that is known of it beside its arrivals. */
export function about(trace: Replayable) {
  const { name, format, functionNames, versions, filled, transformed } = trace;
  const { skippedRejected, skippedBad, badRows } = trace;
  const columns = OPTIONAL_COLUMNS.filter((key) => trace.columns[key] !== undefined);
  return {
    name,
    format,
    functionNames,
    versions,
    filled,
    transformed,
    skippedRejected,
    skippedBad,
    badRows,
    columns,
  };
}

/**
 * The same workload in memory and through temporary files.
 * @param inMemoryMax so low that it does not fit.
 */
export async function bothWays(
  file: string | null,
  options: WorkloadOptions,
  inMemoryMax: number,
  files = new TempFiles(),
): Promise<{ whole: Trace; stored: TraceStream; files: TempFiles }> {
  const whole = await openWorkload(file, options);
  const stored = await openWorkload(file, options, {}, inMemoryMax, files);
  if (isStream(whole) || !isStream(stored)) throw new Error('expected one in memory and one in a file');
  return { whole, stored, files };
}
