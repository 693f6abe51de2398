/** Price books by id or by file: a path is a user's own book, and its faults name the file and the line. */
import { readFile } from 'node:fs/promises';
import { asCodedError, CodedError } from '../metering/errors.ts';
import { type PriceBook, readPriceBook } from '../metering/price-book.ts';
import { PRICE_BOOK_IDS, priceBook } from '../metering/prices/catalogue.ts';
import { jsonPositions, offsetOf, positionAt } from './json-positions.ts';

/** How help names what a command takes. */
export const PRICES_ARGUMENT = 'an id of `ebb prices list`, or a file such as ./mine.json';

/** A fault of a file: `place` is file:line:column. */
interface FileFault {
  readonly place: string;
  readonly text: string;
}

/** Whether the text names a file; no id has a slash or an ending. */
export function isPriceFile(idOrFile: string): boolean {
  return /[/\\]|\.json$/i.test(idOrFile);
}

function invalid(file: string, faults: readonly FileFault[]): CodedError {
  const lines = faults.map(({ place, text }) => `  ${place}: ${text}`);
  return new CodedError('prices-invalid', `${file} is not a price book:\n${lines.join('\n')}`, {
    file,
    faults,
  });
}

/**
 * Reads a book from its text.
 * @param file names it in messages.
 * @throws CodedError `prices-invalid`, with the line and column of each fault.
 */
export function parsePriceBook(text: string, file: string): PriceBook {
  const positions = jsonPositions(text, 'book');
  const placeAt = (offset: number): string => {
    const { line, column } = positionAt(text, offset);
    return `${file}:${line}:${column}`;
  };
  if (positions.fault !== null) {
    const { offset, expected } = positions.fault;
    const next = text.slice(offset, offset + 20).split('\n')[0] ?? '';
    const got = offset >= text.length ? 'the end of the file' : JSON.stringify(next);
    throw invalid(file, [{ place: placeAt(offset), text: `expected ${expected}, got ${got}` }]);
  }
  try {
    return readPriceBook(JSON.parse(text));
  } catch (thrown) {
    const { code, details } = asCodedError(thrown);
    if (code !== 'prices-invalid') throw thrown;
    const { faults, paths } = details as { readonly faults: string[]; readonly paths: string[] };
    const placed = faults.map((fault, index) => ({
      place: placeAt(offsetOf(positions, paths[index] as string)),
      text: fault,
    }));
    throw invalid(file, placed);
  }
}

async function readText(file: string): Promise<string> {
  try {
    const text = await readFile(file, 'utf8');
    // Some editors begin a file with a mark of its byte order, which is no JSON.
    return text.replace(/^\uFEFF/, '');
  } catch (thrown) {
    throw new CodedError(
      'file-unreadable',
      `expected a price book to read, got ${file}: ${(thrown as Error).message}`,
      { file },
    );
  }
}

/**
 * The book of an id that comes with Ebb, or of a file when a path is given.
 * @throws CodedError `prices-unknown`, `prices-invalid` or `file-unreadable`.
 */
export async function loadPriceBook(idOrFile: string): Promise<PriceBook> {
  if (isPriceFile(idOrFile)) return parsePriceBook(await readText(idOrFile), idOrFile);
  if (PRICE_BOOK_IDS.includes(idOrFile)) return priceBook(idOrFile);
  throw new CodedError(
    'prices-unknown',
    `no price book ${JSON.stringify(idOrFile)}; there are ${PRICE_BOOK_IDS.join(', ')}. A file is given as a path, for example ./mine.json`,
    { priceBook: idOrFile },
  );
}
