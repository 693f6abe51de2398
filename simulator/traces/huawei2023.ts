/**
 * The Huawei traces of 2023 (github.com/sir-lab/data-release): `requests_minute` counts the requests of each
 * function, a column a function; `function_delay_minute` has the mean time that they ran, in milliseconds.
 */
import { CsvRows, csvCompanion, formatColumn, headerColumns } from './csv.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { Companion, CompanionReader, LineReader, TraceFormat, TraceSource } from './format.ts';
import { Spreader } from './spread.ts';
import { durationUs, timeUs } from './time.ts';
import type { ArrivalPiece, ReadTrace } from './trace.ts';
import type { Work } from './turns.ts';

const US_PER_MINUTE = 60_000_000;
const US_PER_S = 1_000_000;
const META = ['day', 'time'] as const;
const REQUESTS = /requests_(minute|second)(?=[^/\\]*[/\\][^/\\]*$)/;

interface Wide {
  readonly time: number;
  readonly functions: readonly { readonly name: string; readonly at: number }[];
  readonly rowLength: number;
}

function wideHeader(header: string, place: Place): Wide {
  const columns = headerColumns(header);
  const time = formatColumn(columns, 'time', place);
  const functions = columns.flatMap((name, at) =>
    (META as readonly string[]).includes(name) ? [] : [{ name, at }],
  );
  return { time, functions, rowLength: columns.length };
}

/** A function that did not exist in a minute has no count there. */
function readCount(text: string, place: Place, column: string): number {
  const count = text.trim() === '' ? 0 : Number(text);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw rowFault(place, column, 'a whole number of requests', shown(text));
}

class Huawei2023 implements LineReader {
  readonly #source: TraceSource;
  readonly #builder;
  readonly #rows: CsvRows;
  readonly #lengthUs: number;
  /** Mean run by `function@time`. */
  #delays: Map<string, number> | null = null;

  constructor(source: TraceSource) {
    const { file, firstLine, line, options, seed } = source;
    const { time, functions, rowLength } = wideHeader(firstLine, { file, line });
    // The dataset has its counts per second in folders of their own; the files look the same.
    const isSecond = REQUESTS.exec(file)?.[1] === 'second';
    this.#lengthUs = isSecond ? US_PER_S : US_PER_MINUTE;
    const spreader = new Spreader(
      options.spread ?? 'uniform',
      seed,
      isSecond ? 'their second' : 'their minute',
    );
    this.#source = source;
    this.#builder = source.builder('huawei2023', []);
    this.#builder.filled.push(spreader.said);
    const { row } = this.#builder;
    this.#rows = new CsvRows(file, rowLength, (fields, place) => {
      const fromUs = timeUs((fields[time] as string).trim(), 's', place, 'time');
      const counts = functions.map(({ name, at }) => readCount(fields[at] as string, place, name));
      for (const [index, count] of counts.entries()) {
        if (count === 0) continue;
        row.functionIndex = this.#builder.functionIndex((functions[index] as { name: string }).name);
        row.runUs = Number.NaN;
        for (let n = 0; n < count; n++) {
          row.arrivedAtUs = spreader.place(n, count, fromUs, this.#lengthUs);
          this.#builder.add();
        }
      }
    });
  }

  line(text: string, line: number): void {
    this.#rows.line(text, line);
  }

  companion(_which: Companion, file: string): CompanionReader {
    const delays = new Map<string, number>();
    this.#delays = delays;
    return csvCompanion((header, line) => {
      const { time, functions, rowLength } = wideHeader(header, { file, line });
      return new CsvRows(file, rowLength, (fields, place) => {
        const fromUs = timeUs((fields[time] as string).trim(), 's', place, 'time');
        for (const { name, at } of functions) {
          const text = (fields[at] as string).trim();
          if (text !== '') delays.set(`${name}@${fromUs}`, durationUs(text, 'ms', place, name));
        }
      });
    });
  }

  finish(): Work<ReadTrace> {
    this.#source.badRows.guard(() => this.#rows.finish());
    const delays = this.#delays;
    if (delays === null) return this.#builder.finish();
    const length = this.#lengthUs;
    const refine = (names: readonly string[], piece: ArrivalPiece): void => {
      for (let at = 0; at < piece.count; at++) {
        const name = names[piece.functionIndex[at] as number];
        const fromUs = Math.floor((piece.arrivedAtUs[at] as number) / length) * length;
        piece.runUs[at] = delays.get(`${name}@${fromUs}`) ?? Number.NaN;
      }
    };
    const filled = ["runUs by the mean of the function's requests in the same interval"];
    return this.#builder.finish({
      refinement: (names) => ({ without: [], filled, refine: (piece) => refine(names, piece) }),
    });
  }
}

export const huawei2023Format: TraceFormat = {
  name: 'huawei2023',
  description: 'CSV with the columns day, time and one for each function, 0, 1, … (Huawei 2023)',
  hasHeader: true,
  matches: ({ firstLine }) => /^day,time,\d+(,\d+)*\s*$/.test(firstLine),
  open: (source) => new Huawei2023(source),
  companionPath(path, which) {
    if (which !== 'durations' || !REQUESTS.test(path)) return null;
    return path.replace(REQUESTS, (_, per: string) => `function_delay_${per}`);
  },
};
