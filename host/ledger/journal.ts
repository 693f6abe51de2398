/**
 * What was written of the ledger and is not in its database yet: files of lines, each a JSON text, that are added to and
 * read from their beginning. One thread adds, another may read meanwhile. A line is there once it ends.
 */
import { closeSync, ftruncateSync, openSync, readdirSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A file that is this long is followed by another: what is in the database is deleted with its file. */
const FILE_BYTES = 4_194_304;
/** Read at once; more where a line is longer. */
const PIECE_BYTES = 262_144;
/** Used again and again: many new ones in a row are much memory before the collector comes by. */
const usualPiece = Buffer.allocUnsafe(PIECE_BYTES);
const SUFFIX = '.jsonl';
const NEWLINE = 10;

const pathOf = (folder: string, file: number): string => join(folder, `${file}${SUFFIX}`);

/** Numbers of the files, oldest first. */
export function journalFiles(folder: string): number[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(SUFFIX));
  return names.map((name) => Number(name.slice(0, -SUFFIX.length))).sort((a, b) => a - b);
}

/** Only of a file that another one follows, or that nobody adds to any more. */
export function deleteJournalFile(folder: string, file: number): void {
  unlinkSync(pathOf(folder, file));
}

/** Lines of a file from a byte on, and the byte after the last of them; none at its end. */
export function journalLines(
  folder: string,
  file: number,
  fromByte: number,
): { readonly lines: readonly string[]; readonly nextByte: number } {
  const descriptor = openSync(pathOf(folder, file), 'r');
  try {
    for (let piece = usualPiece; ; piece = Buffer.allocUnsafe(2 * piece.length)) {
      const length = readSync(descriptor, piece, 0, piece.length, fromByte);
      const end = piece.subarray(0, length).lastIndexOf(NEWLINE);
      if (end >= 0)
        return { lines: piece.toString('utf8', 0, end).split('\n'), nextByte: fromByte + end + 1 };
      if (length < piece.length) return { lines: [], nextByte: fromByte };
    }
  } finally {
    closeSync(descriptor);
  }
}

/** The end that is added to. */
export class Journal {
  readonly #folder: string;
  #file: number;
  #descriptor: number | undefined;
  #bytes = 0;

  /** @param fileBefore a number that no file of the folder exceeds. */
  constructor(folder: string, fileBefore: number) {
    this.#folder = folder;
    this.#file = fileBefore;
  }

  /**
   * Adds a line. When it returns, the line survives the end of this process; when it throws what the file system does,
   * there is nothing of it.
   */
  append(line: string): void {
    this.#descriptor ??= this.#next();
    const text = `${line}\n`;
    const length = Buffer.byteLength(text);
    try {
      const written = writeSync(this.#descriptor, text);
      if (written < length) throw new Error(`expected room for ${length} bytes, got ${written}`);
    } catch (thrown) {
      this.#takeBack(this.#descriptor);
      throw thrown;
    }
    this.#bytes += length;
    if (this.#bytes >= FILE_BYTES) this.close();
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #next(): number {
    const descriptor = openSync(pathOf(this.#folder, this.#file + 1), 'ax');
    this.#file++;
    this.#bytes = 0;
    return descriptor;
  }

  /** A line without its end would become one with the next. */
  #takeBack(descriptor: number): void {
    try {
      ftruncateSync(descriptor, this.#bytes);
    } catch {
      this.close();
    }
  }
}
