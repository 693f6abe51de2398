/**
 * Parquet files as the bytes of a CSV of the same rows, so that each format of CSV is one of Parquet too. Row
 * groups are read one by one, and only one is in memory. The only module that knows the library.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { FileMetaData } from 'hyparquet';
import { CodedError } from '../../metering/errors.ts';
import { type ColumnSchema, cellWriter, headerText, TEXT_PARSERS, unreadableKind } from './parquet-cells.ts';

const CODECS = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4', 'LZ4_RAW'];
/** Row groups are some ten to some hundred MB; this bounds what a broken or a strange file makes of memory. */
const GROUP_BYTES_MAX = 2 ** 30;
const READ_BYTES = 2 ** 24;
const PIECE_CHARACTERS = 65_536;

type Column = ArrayLike<unknown>;

interface ParquetFile {
  readonly path: string;
  readonly byteLength: number;
  /** The bytes from `start` to before `end`, all of them. */
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

function refused(
  code: 'trace-invalid' | 'trace-format-unknown',
  path: string,
  expected: string,
  got: string,
) {
  return new CodedError(code, `${path}: expected ${expected}, got ${got}`, { file: path, expected, got });
}

/** Something has been read, decoded or written. */
type Progress = () => void;

function fileOf(path: string, handle: FileHandle, byteLength: number, progress: Progress): ParquetFile {
  const slice = async (start: number, end = byteLength): Promise<ArrayBuffer> => {
    const bytes = new Uint8Array(Math.max(end - start, 0));
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(bytes.length - at, READ_BYTES), start + at);
      if (bytesRead === 0) {
        throw refused('trace-invalid', path, `bytes up to ${end}`, `a file of ${byteLength}`);
      }
      at += bytesRead;
      progress();
    }
    return bytes.buffer;
  };
  return { path, byteLength, slice };
}

/** What the library throws is a fault of the file, and says what. */
async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    throw refused('trace-invalid', path, 'a whole Parquet file', (thrown as Error).message);
  }
}

/** The columns that stand directly in a row, in order; those inside them are passed over. */
function topColumns({ schema: [root, ...elements] }: FileMetaData): ColumnSchema[] {
  const columns: ColumnSchema[] = [];
  let inside = 0;
  for (const element of elements) {
    if (inside === 0) columns.push(element as ColumnSchema);
    else inside--;
    inside += element.num_children ?? 0;
  }
  return columns.slice(0, root?.num_children ?? 0);
}

/** Before any of it is read: a codec that is not known, or a row group that would take too much memory. */
function checkGroups(path: string, { row_groups }: FileMetaData): void {
  for (const [index, group] of row_groups.entries()) {
    if (group.total_byte_size > GROUP_BYTES_MAX) {
      const got = `${group.total_byte_size} in row group ${index + 1}; write smaller ones`;
      throw refused('trace-invalid', path, `row groups of at most ${GROUP_BYTES_MAX} bytes unpacked`, got);
    }
    for (const { meta_data } of group.columns) {
      const codec = meta_data?.codec;
      if (codec === undefined || CODECS.includes(codec)) continue;
      const got = `${codec} in column ${meta_data?.path_in_schema.join('.')}`;
      throw refused('trace-format-unknown', path, `one of the codecs ${CODECS.join(', ')}`, got);
    }
  }
}

/** Goes down a column that comes in several arrays. */
function* valuesOf(pieces: readonly Column[]): Generator<unknown> {
  for (const piece of pieces) for (let at = 0; at < piece.length; at++) yield piece[at];
}

/** A column that is shorter or longer than its row group would be read as something that it is not. */
function checkLengths(path: string, pieces: ReadonlyMap<string, readonly Column[]>, rowCount: number): void {
  for (const [name, arrays] of pieces) {
    const length = arrays.reduce((sum, values) => sum + values.length, 0);
    if (length !== rowCount) {
      throw refused('trace-invalid', path, `${rowCount} rows in column ${name}`, String(length));
    }
  }
}

/** One row group's rows as text, some of them at a time. */
function* rowTexts(
  columns: readonly ColumnSchema[],
  pieces: ReadonlyMap<string, readonly Column[]>,
  rowCount: number,
): Generator<string> {
  const writers = columns.map((column) => {
    const kind = unreadableKind(column);
    if (kind !== null) return () => `(${kind})`;
    const values = valuesOf(pieces.get(column.name) ?? []);
    const write = cellWriter(column);
    return () => write(values.next().value);
  });
  let text = '';
  for (let row = 0; row < rowCount; row++) {
    text += `${writers.map((next) => next()).join(',')}\n`;
    if (text.length >= PIECE_CHARACTERS) {
      yield text;
      text = '';
    }
  }
  yield text;
}

/** One row group's columns, each as the arrays that its pages make. */
async function readGroup(
  file: ParquetFile,
  metadata: FileMetaData,
  columns: string[],
  rows: [number, number],
  progress: Progress,
) {
  const { parquetRead } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const pieces = new Map<string, Column[]>(columns.map((name) => [name, []]));
  await parquetRead({
    file,
    metadata,
    columns,
    rowStart: rows[0],
    rowEnd: rows[1],
    compressors,
    parsers: TEXT_PARSERS,
    onPage: progress,
    onChunk: ({ columnName, columnData }) => pieces.get(columnName)?.push(columnData),
  });
  return pieces;
}

async function* csvOf(file: ParquetFile, progress: Progress): AsyncGenerator<Uint8Array> {
  const { path } = file;
  const { parquetMetadataAsync } = await import('hyparquet');
  const metadata = await reading(path, () =>
    parquetMetadataAsync(file, { parsers: TEXT_PARSERS, geoparquet: false }),
  );
  checkGroups(path, metadata);
  const columns = topColumns(metadata);
  const readable = columns.filter((column) => unreadableKind(column) === null).map(({ name }) => name);
  if (readable.length === 0) {
    const got = columns.map((column) => `${column.name} (${unreadableKind(column)})`).join(', ');
    throw refused('trace-invalid', path, 'columns of numbers, text or times', got || 'none');
  }
  const encoder = new TextEncoder();
  yield encoder.encode(`${headerText(columns)}\n`);
  let from = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowCount = Number(num_rows);
    if (rowCount === 0) continue;
    const rows: [number, number] = [from, from + rowCount];
    const pieces = await reading(path, () => readGroup(file, metadata, readable, rows, progress));
    checkLengths(path, pieces, rowCount);
    for (const text of rowTexts(columns, pieces, rowCount)) {
      progress();
      yield encoder.encode(text);
    }
    from += rowCount;
  }
}

/**
 * A Parquet file as a CSV; parquet-thread.ts says what it looks like. It may never end where the file is damaged.
 * @throws CodedError `trace-invalid` for a file that is broken, `trace-format-unknown` for an unknown codec.
 */
export async function* parquetTexts(path: string, progress: Progress): AsyncGenerator<Uint8Array> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    yield* csvOf(fileOf(path, handle, size, progress), progress);
  } finally {
    await handle.close();
  }
}
