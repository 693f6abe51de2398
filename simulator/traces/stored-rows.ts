/**
 * Arrivals in a file, block after block, each block one column after the other: written once from its beginning to its
 * end, and read as pieces, by any thread and several at a time.
 */
import { readSync } from 'node:fs';
import { CodedError } from '../../metering/errors.ts';
import type { TempFiles } from './temp-files.ts';
import type { ArrivalPiece, OptionalColumn } from './trace.ts';
import type { Work } from './turns.ts';

/** Arrivals in a block, and so in a piece: its arrays stay in the second-level cache. */
const BLOCK_ROWS = 8192;

/** Where arrivals lie. It can be sent to other threads. */
export interface StoredRows {
  readonly fd: number;
  /** Of the first block, in bytes. */
  readonly offset: number;
  readonly count: number;
  /** Of the first and of the last row; 0 where there is none. */
  readonly firstUs: number;
  readonly lastUs: number;
  readonly blockRows: number;
  readonly columns: readonly OptionalColumn[];
}

type Columns = Partial<Record<OptionalColumn, Float64Array>>;

/** Room for one block: its bytes as they are in the file, and the same memory as columns. */
export class Block implements ArrivalPiece {
  count = 0;
  readonly arrivedAtUs: Float64Array;
  readonly runUs: Float64Array;
  readonly functionIndex: Uint32Array;
  readonly columns: Columns = {};
  readonly bytes: Uint8Array;

  constructor(columns: readonly OptionalColumn[], rows: number) {
    const length = rows * Float64Array.BYTES_PER_ELEMENT;
    const indexesAt = length * (2 + columns.length);
    const buffer = new ArrayBuffer(indexesAt + rows * Uint32Array.BYTES_PER_ELEMENT);
    this.bytes = new Uint8Array(buffer);
    this.arrivedAtUs = new Float64Array(buffer, 0, rows);
    this.runUs = new Float64Array(buffer, length, rows);
    for (const [at, key] of columns.entries()) {
      this.columns[key] = new Float64Array(buffer, length * (2 + at), rows);
    }
    // Last, so that all others begin at a multiple of eight bytes.
    this.functionIndex = new Uint32Array(buffer, indexesAt, rows);
  }
}

export class RowWriter {
  /** Rows in a block. */
  readonly blockRows: number;
  readonly #files: TempFiles;
  readonly #columns: readonly OptionalColumn[];
  readonly #block: Block;
  readonly #fd: number;
  /** Of the rows that are written now. */
  #offset = 0;
  #position = 0;
  #count = 0;
  #firstUs = 0;
  #lastUs = 0;

  /** @param rowsMax how many rows there will be at most before `finish`. */
  constructor(files: TempFiles, columns: readonly OptionalColumn[], rowsMax: number) {
    this.#files = files;
    this.#columns = columns;
    this.blockRows = Math.min(BLOCK_ROWS, rowsMax);
    this.#block = new Block(columns, this.blockRows);
    this.#fd = files.create();
  }

  /** Takes one row of a piece that has the same columns, or more. */
  put(piece: ArrivalPiece, place: number): void {
    const block = this.#block;
    const at = block.count++;
    block.arrivedAtUs[at] = piece.arrivedAtUs[place] as number;
    block.runUs[at] = piece.runUs[place] as number;
    block.functionIndex[at] = piece.functionIndex[place] as number;
    for (const key of this.#columns) {
      (block.columns[key] as Float64Array)[at] = piece.columns[key]?.[place] ?? Number.NaN;
    }
    if (block.count === this.blockRows) this.#flush();
  }

  #flush(): void {
    const block = this.#block;
    this.#files.write(this.#fd, block.bytes, this.#position);
    this.#position += block.bytes.length;
    if (this.#count === 0) this.#firstUs = block.arrivedAtUs[0] as number;
    this.#lastUs = block.arrivedAtUs[block.count - 1] as number;
    this.#count += block.count;
    block.count = 0;
  }

  /** The rows since the last call; further ones are others, in the same file. */
  finish(): StoredRows {
    if (this.#block.count > 0) this.#flush();
    const rows = {
      ...{ fd: this.#fd, offset: this.#offset, count: this.#count },
      ...{ firstUs: this.#firstUs, lastUs: this.#lastUs },
      ...{ blockRows: this.blockRows, columns: this.#columns },
    };
    this.#offset = this.#position;
    this.#count = 0;
    this.#firstUs = 0;
    this.#lastUs = 0;
    return rows;
  }
}

/** Reads rows block by block into the same memory. */
export class RowReader {
  readonly #rows: StoredRows;
  readonly #block: Block;
  #read = 0;
  #position: number;

  constructor(rows: StoredRows) {
    this.#rows = rows;
    this.#block = new Block(rows.columns, rows.blockRows);
    this.#position = rows.offset;
  }

  /** The memory that every piece comes in. */
  get columns(): ArrivalPiece['columns'] {
    return this.#block.columns;
  }

  /** The next piece, gone when the one after it comes; null at the end. @throws CodedError `file-unreadable` */
  next(): Block | null {
    const { fd, count, blockRows } = this.#rows;
    if (this.#read === count) return null;
    const block = this.#block;
    const { bytes } = block;
    for (let done = 0; done < bytes.length; ) {
      const got = readSync(fd, bytes, done, bytes.length - done, this.#position + done);
      if (got === 0) throw new CodedError('file-unreadable', 'a temporary file of arrivals has lost its end');
      done += got;
    }
    this.#position += bytes.length;
    block.count = Math.min(blockRows, count - this.#read);
    this.#read += block.count;
    return block;
  }
}

/** All rows, piece after piece; each is gone when the next one comes. */
export function* piecesOf(rows: StoredRows): Generator<Block> {
  const reader = new RowReader(rows);
  for (let piece = reader.next(); piece !== null; piece = reader.next()) yield piece;
}

/**
 * Shows all rows of one part after the other, piece after piece, with a turn after each piece.
 * @param doing what that is, as progress says it.
 * @param visit also hears which part it is, from 0.
 * @param settle what is to be done after each piece, in turns.
 */
export function* visited(
  parts: readonly StoredRows[],
  doing: string,
  visit: (piece: Block, part: number) => void,
  settle: () => Work<void> = nothing,
): Work<void> {
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  let seen = 0;
  for (const [part, rows] of parts.entries()) {
    for (const piece of piecesOf(rows)) {
      visit(piece, part);
      seen += piece.count;
      yield { doing, share: seen / total };
      yield* settle();
    }
  }
}

function* nothing(): Work<void> {}
