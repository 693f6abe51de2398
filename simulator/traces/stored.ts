/** Traces that lie in temporary files: how one comes into being, is changed, and is replayed. */
import { sharedFloats } from '../kernel/shared-memory.ts';
import { piecesOf, RowReader, RowWriter, type StoredRows, visited } from './stored-rows.ts';
import type { Spilling, TempFiles } from './temp-files.ts';
import type {
  ArrivalPiece,
  OptionalColumn,
  ReadTrace,
  SizeColumn,
  StoredTrace,
  SurveyedTrace,
  TraceAbout,
  TraceStream,
} from './trace.ts';
import { isStored, isStream, OPTIONAL_COLUMNS, type Trace } from './trace.ts';
import type { Work } from './turns.ts';

export const storedTrace = (about: TraceAbout, rows: StoredRows): StoredTrace => ({
  ...about,
  count: rows.count,
  rows,
});

/**
 * The same rows with changes, in a new file; that of the old ones is closed.
 * @param columns of the new rows; what the old ones lack is NaN before it is changed.
 * @param doing what that is, as progress says it.
 * @param change changes a piece in place, and keeps its order of time.
 */
export function* rewritten(
  rows: StoredRows,
  columns: readonly OptionalColumn[],
  files: TempFiles,
  doing: string,
  change: (piece: ArrivalPiece) => void,
): Work<StoredRows> {
  const writer = new RowWriter(files, columns, rows.blockRows);
  const added = columns.filter((key) => !rows.columns.includes(key));
  yield* visited([rows], doing, (piece) => {
    for (const key of added) piece.columns[key] = new Float64Array(piece.count).fill(Number.NaN);
    change(piece);
    for (let place = 0; place < piece.count; place++) writer.put(piece, place);
  });
  files.close(rows.fd);
  return writer.finish();
}

/** Puts a trace in memory, or a stream, into a file. */
export function* stored(
  trace: Trace | TraceStream | StoredTrace,
  { files, inMemoryMax }: Spilling,
): Work<StoredTrace> {
  if ('rows' in trace) return trace;
  const columns = OPTIONAL_COLUMNS.filter((key) => trace.columns[key] !== undefined);
  const writer = new RowWriter(files, columns, inMemoryMax);
  const [expected, pieces] = isStream(trace) ? [trace.expected, trace.pieces()] : [trace.count, [trace]];
  let seen = 0;
  for (const piece of pieces) {
    for (let place = 0; place < piece.count; place++) {
      writer.put(piece, place);
      // How many a stream has is known about.
      if (++seen % writer.blockRows === 0) yield { doing: 'storing', share: Math.min(1, seen / expected) };
    }
  }
  const { name, format, functionNames, versions } = trace;
  const { skippedRejected, skippedBad, badRows, filled, transformed } = trace;
  const about = { name, format, functionNames, versions, skippedRejected, skippedBad, badRows };
  return storedTrace({ ...about, filled, transformed }, writer.finish());
}

/** @throws Error unless the trace is in memory, as it is where no files were given. */
export function whole(trace: ReadTrace): Trace {
  if (isStored(trace)) throw new Error(`${trace.name} is in a file`);
  return trace;
}

/** Looks once through all of a trace, if it has anything to look for. */
export function* surveyed(trace: StoredTrace): Work<SurveyedTrace> {
  const { columns } = trace.rows;
  const asked = (['bytesIn', 'bytesOut'] as const).filter((key) => columns.includes(key));
  const memoryBytes = columns.includes('memoryBytesLimit')
    ? sharedFloats(trace.functionNames.length).fill(Number.NaN)
    : null;
  const sizes = new Set<SizeColumn>();
  if (memoryBytes === null && asked.length === 0) return { trace, memoryBytes, sizes: [] };
  yield* visited([trace.rows], 'surveying', (piece) => {
    const { memoryBytesLimit } = piece.columns;
    for (let at = 0; at < piece.count; at++) {
      const index = piece.functionIndex[at] as number;
      if (memoryBytes !== null && Number.isNaN(memoryBytes[index]))
        memoryBytes[index] = memoryBytesLimit?.[at] as number;
    }
    for (const key of asked) {
      if (!sizes.has(key) && piece.columns[key]?.subarray(0, piece.count).some((value) => value > 0))
        sizes.add(key);
    }
  });
  return { trace, memoryBytes, sizes: [...sizes] };
}

/** A stored trace as it is replayed, on any thread and on several at once. */
export function streamOf(surveyed: SurveyedTrace): TraceStream {
  const { trace, memoryBytes, sizes } = surveyed;
  const { rows, count, ...about } = trace;
  return {
    ...about,
    expected: count,
    stored: surveyed,
    columns: new RowReader(rows).columns,
    memoryBytesOf: (index) => memoryBytes?.[index],
    hasSizes: (column) => sizes.includes(column),
    pieces: () => piecesOf(rows),
  };
}
