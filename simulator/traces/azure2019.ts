/**
 * The Azure Functions trace of 2019 (github.com/Azure/AzurePublicDataset): how often each function was invoked in
 * each minute of a day. Durations and memory are percentiles, in files of their own: a request's duration is drawn
 * from its function's percentiles, and its memory from its app's.
 */

import { BYTES_PER_MB } from '../../metering/units.ts';
import { RandomStream } from '../kernel/random.ts';
import type { Refinement } from './builder.ts';
import { CsvRows, csvCompanion, formatColumn, hasColumns, headerColumns } from './csv.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { Companion, CompanionReader, LineReader, TraceFormat, TraceSource } from './format.ts';
import { PercentileCurve } from './percentile-curve.ts';
import { AppFunctionNames } from './short-names.ts';
import { Spreader } from './spread.ts';
import type { ArrivalPiece, OptionalColumn, ReadTrace } from './trace.ts';
import type { Work } from './turns.ts';

const NAMES = ['HashOwner', 'HashApp', 'HashFunction', 'Trigger'] as const;
const MEMORY_COLUMNS: readonly OptionalColumn[] = ['memoryBytesPeak', 'memoryBytesLimit'];
const US_PER_MINUTE = 60_000_000;

/** Each companion's columns: the percentiles, what a value is a multiple of, and the greatest that is likely. */
const CURVES = {
  durations: { prefix: 'percentile_Average_', percents: [0, 1, 25, 50, 75, 99, 100], perUnit: 1_000 },
  memory: {
    prefix: 'AverageAllocatedMb_pct',
    percents: [1, 5, 25, 50, 75, 95, 99, 100],
    perUnit: BYTES_PER_MB,
  },
} as const;
/** The names of the dataset's files; a day's number and an ending follow. */
const FILES = {
  invocations: 'invocations_per_function_md.anon.',
  durations: 'function_durations_percentiles.anon.',
  memory: 'app_memory_percentiles.anon.',
} as const;

function readCount(text: string, place: Place, column: string): number {
  const count = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(count) && count >= 0) return count;
  throw rowFault(place, column, 'a whole number of invocations', shown(text));
}

class Azure2019 implements LineReader {
  readonly #source: TraceSource;
  readonly #builder;
  readonly #rows: CsvRows;
  readonly #names = new AppFunctionNames();
  readonly #spreader: Spreader;
  readonly #curves: Record<Companion, Map<string, PercentileCurve> | null> = {
    durations: null,
    memory: null,
  };

  constructor(source: TraceSource) {
    const { file, firstLine, line: headerLine, options, seed } = source;
    const columns = headerColumns(firstLine);
    const place = { file, line: headerLine };
    const [, app, func] = NAMES.map((name) => formatColumn(columns, name, place)) as number[];
    const minutes = columns.flatMap((name, at) => (/^\d+$/.test(name) ? [{ name, at }] : []));
    if (minutes.length === 0) throw rowFault(place, null, 'columns of minutes 1, 2, …', 'none');
    this.#source = source;
    this.#spreader = new Spreader(options.spread ?? 'uniform', seed, 'their minute');
    this.#builder = source.builder('azure2019', MEMORY_COLUMNS);
    this.#builder.filled.push(this.#spreader.said);
    this.#rows = new CsvRows(file, columns.length, (fields, where) => {
      const name = this.#names.add(fields[app as number] as string, fields[func as number] as string);
      const counts = minutes.map((minute) => readCount(fields[minute.at] as string, where, minute.name));
      for (const [at, count] of counts.entries()) {
        this.#spread(name, (Number((minutes[at] as { name: string }).name) - 1) * US_PER_MINUTE, count);
      }
    });
  }

  line(text: string, line: number): void {
    this.#rows.line(text, line);
  }

  #spread(name: string, fromUs: number, count: number): void {
    if (count === 0) return;
    const { row } = this.#builder;
    row.functionIndex = this.#builder.functionIndex(name);
    row.runUs = Number.NaN;
    row.memoryBytesPeak = Number.NaN;
    row.memoryBytesLimit = Number.NaN;
    for (let index = 0; index < count; index++) {
      row.arrivedAtUs = this.#spreader.place(index, count, fromUs, US_PER_MINUTE);
      this.#builder.add();
    }
  }

  companion(which: Companion, file: string): CompanionReader {
    const { prefix, percents, perUnit } = CURVES[which];
    const curves = new Map<string, PercentileCurve>();
    this.#curves[which] = curves;
    return csvCompanion((header, line) => {
      const columns = headerColumns(header);
      const place = { file, line };
      const app = formatColumn(columns, 'HashApp', place);
      const func = which === 'durations' ? formatColumn(columns, 'HashFunction', place) : null;
      const at = percents.map((percent) => formatColumn(columns, `${prefix}${percent}`, place));
      return new CsvRows(file, columns.length, (fields, where) => {
        const values = at.map((column) => Number((fields[column] as string).trim() || Number.NaN));
        const key = func === null ? (fields[app] as string) : `${fields[app]}/${fields[func]}`;
        curves.set(key, new PercentileCurve(percents, values, perUnit, where, prefix));
      });
    });
  }

  finish(): Work<ReadTrace> {
    this.#source.badRows.guard(() => this.#rows.finish());
    return this.#builder.finish({
      nameOf: this.#names.shortener(),
      refinement: (names) => this.#drawn(names),
    });
  }

  /** Durations and memory, from their files where they were there. */
  #drawn(names: readonly string[]): Refinement {
    const { seed } = this.#source;
    const { durations, memory } = this.#curves;
    const byApp = names.map((name) => memory?.get(name.split('/')[0] ?? ''));
    const byFunction = names.map((name) => durations?.get(name));
    const filled: string[] = [];
    if (durations !== null)
      filled.push(`runUs drawn from each function's percentiles, linear between them, seed ${seed}`);
    if (memory !== null) {
      filled.push(`memoryBytesPeak drawn from each app's percentiles, linear between them, seed ${seed}`);
      filled.push("memoryBytesLimit by each app's largest percentile");
    }
    const streams = {
      durations: new RandomStream(seed, 'durations'),
      memory: new RandomStream(seed, 'memory'),
    };
    const refine = (piece: ArrivalPiece): void => {
      if (durations !== null) drawAll(piece, piece.runUs, byFunction, streams.durations);
      if (memory === null) return;
      const { memoryBytesPeak, memoryBytesLimit } = piece.columns;
      drawAll(piece, memoryBytesPeak as Float64Array, byApp, streams.memory);
      // What is configured the trace does not say; an app must be given at least its own largest.
      for (let at = 0; at < piece.count; at++) {
        (memoryBytesLimit as Float64Array)[at] = byApp[piece.functionIndex[at] as number]?.max ?? Number.NaN;
      }
    };
    return { without: memory === null ? MEMORY_COLUMNS : [], filled, refine };
  }
}

/** Draws a value for every request whose function has a curve, one draw a request whether it has or not. */
function drawAll(
  piece: ArrivalPiece,
  values: Float64Array,
  curves: readonly (PercentileCurve | undefined)[],
  stream: RandomStream,
): void {
  for (let at = 0; at < piece.count; at++) {
    const share = stream.uniform();
    const curve = curves[piece.functionIndex[at] as number];
    if (curve !== undefined) values[at] = curve.at(share);
  }
}

export const azure2019Format: TraceFormat = {
  name: 'azure2019',
  description: `CSV with the columns ${NAMES.join(', ')} and one for each minute (Azure Functions 2019)`,
  hasHeader: true,
  matches: ({ firstLine }) => hasColumns(firstLine, [...NAMES, '1']),
  open: (source) => new Azure2019(source),
  companionPath(path, which) {
    const at = path.lastIndexOf(FILES.invocations);
    return at < 0 ? null : path.slice(0, at) + FILES[which] + path.slice(at + FILES.invocations.length);
  },
};
