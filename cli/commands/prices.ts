/** `ebb prices`: which price books there are, what they say, and whether they are still to be trusted. */
import type { Command } from 'commander';
import { asCodedError, CodedError, type ErrorBody } from '../../metering/errors.ts';
import type { Confidence, PriceBook } from '../../metering/price-book.ts';
import { priceBookJson } from '../../metering/price-book-json.ts';
import { PRICE_BOOK_IDS, priceBook } from '../../metering/prices/catalogue.ts';
import schema from '../../metering/prices/price-book.schema.json' with { type: 'json' };
import { wholeNumber } from '../option-values.ts';
import { type Output, textTable } from '../output.ts';
import { type AgeFault, ageDays, ageFault, bookAge } from '../price-ages.ts';
import { priceBookText } from '../price-book-text.ts';
import { loadPriceBook, PRICES_ARGUMENT } from '../price-books.ts';

interface JsonOption {
  readonly json?: boolean;
}

function listBooks(options: JsonOption, output: Output, nowMs: number): void {
  const books = PRICE_BOOK_IDS.map((id) => {
    const { provider, service, region, bills } = priceBook(id);
    return { id, provider, service, region, bills, ...bookAge(priceBook(id), nowMs) };
  });
  if (options.json) {
    output.json({ books });
    return;
  }
  const rows = books.map(({ id, provider, service, region, bills, newest, oldest, ageDays: days }) => {
    return [id, provider, service, region, bills, newest ?? 'undated', oldest, days ?? '?'];
  });
  const header = ['id', 'provider', 'service', 'region', 'bills', 'newest price', 'oldest price', 'days old'];
  output.print(textTable(header, rows));
}

async function showBook(idOrFile: string, options: JsonOption, output: Output, nowMs: number): Promise<void> {
  const book = await loadPriceBook(idOrFile);
  if (options.json) output.json(priceBookJson(book));
  else output.print(priceBookText(book, nowMs));
}

interface CheckedPrice {
  readonly meter: string;
  readonly asOf: string;
  /** At most; null when undated. */
  readonly ageDays: number | null;
  readonly confidence: Confidence;
  readonly fault: AgeFault | null;
}

/** What came of one book: its prices, or why it is none. */
interface CheckedBook {
  readonly book: string;
  readonly isValid: boolean;
  readonly prices: readonly CheckedPrice[];
  readonly error?: ErrorBody['error'];
}

interface CheckOptions extends JsonOption {
  readonly maxAgeDays?: number;
}

function checkPrices(book: PriceBook, nowMs: number, maxAgeDays: number | null): CheckedPrice[] {
  return book.meters.map(({ meter, asOf, confidence }) => ({
    meter,
    asOf,
    ageDays: ageDays(asOf, nowMs),
    confidence,
    fault: ageFault(asOf, nowMs, maxAgeDays),
  }));
}

/** A book that is wrong does not keep the others from being checked. */
async function checkBook(idOrFile: string, nowMs: number, maxAgeDays: number | null): Promise<CheckedBook> {
  try {
    const book = await loadPriceBook(idOrFile);
    return { book: idOrFile, isValid: true, prices: checkPrices(book, nowMs, maxAgeDays) };
  } catch (thrown) {
    const error = asCodedError(thrown);
    if (error.code === 'internal') throw thrown;
    return { book: idOrFile, isValid: false, prices: [], error: error.toBody().error };
  }
}

function checkText(checked: readonly CheckedBook[]): string {
  const rows = checked.flatMap(({ book, prices }) =>
    prices.map((price) => [
      book,
      price.meter,
      price.asOf,
      price.ageDays ?? '?',
      price.confidence,
      price.fault ?? 'ok',
    ]),
  );
  const table = textTable(['book', 'price', 'as of', 'days old', 'confidence', 'verdict'], rows);
  const errors = checked.flatMap(({ error }) => (error === undefined ? [] : [`\n${error.message}`]));
  return [...(rows.length > 0 ? [table] : []), ...errors].join('');
}

/** The check ends with an error after its report, so that a pipeline stops. */
function throwIfFaulty(checked: readonly CheckedBook[], maxAgeDays: number | null): void {
  const invalid = checked.filter(({ isValid }) => !isValid).map(({ book }) => book);
  if (invalid.length > 0) {
    const [only] = checked.filter(({ isValid }) => !isValid);
    const code = invalid.length === 1 && only?.error ? only.error.code : 'prices-invalid';
    throw new CodedError(code, `expected price books, got none from ${invalid.join(', ')}`, {
      books: invalid,
    });
  }
  const old = checked
    .filter(({ prices }) => prices.some(({ fault }) => fault !== null))
    .map(({ book }) => book);
  if (old.length === 0) return;
  const limit = maxAgeDays === null ? 'not dated in the future' : `of at most ${maxAgeDays} days`;
  throw new CodedError('prices-outdated', `expected prices ${limit}, got others in ${old.join(', ')}`, {
    books: old,
    maxAgeDays,
  });
}

async function checkBooks(
  given: readonly string[],
  options: CheckOptions,
  output: Output,
  nowMs: number,
): Promise<void> {
  const maxAgeDays = options.maxAgeDays ?? null;
  const books = given.length > 0 ? given : PRICE_BOOK_IDS;
  const checked = await Promise.all(books.map((book) => checkBook(book, nowMs, maxAgeDays)));
  if (options.json) output.json({ maxAgeDays, books: checked });
  else output.print(checkText(checked));
  throwIfFaulty(checked, maxAgeDays);
}

/** @param nowMs the clock; tests give their own. */
export function addPrices(program: Command, output: Output, nowMs: () => number = Date.now): void {
  const prices = program
    .command('prices')
    .description('price books: what providers bill, from where, how old');
  prices
    .command('list')
    .description('list the price books that come with Ebb, with the age of their oldest price in days')
    .option('--json', 'print JSON')
    .action((options: JsonOption) => listBooks(options, output, nowMs()));
  prices
    .command('show')
    .description(
      'show a price book: meters, units, tiers, what is free, sources and notes; prices in US dollars',
    )
    .argument('<book>', PRICES_ARGUMENT)
    .option('--json', 'print the book as its file has it: a beginning for one of your own')
    .action((book: string, options: JsonOption) => showBook(book, options, output, nowMs()));
  prices
    .command('check')
    .description('check price books and say how old each price is; ends with 2 when one is wrong or too old')
    .argument('[books...]', `${PRICES_ARGUMENT} (default: all that come with Ebb)`)
    .option(
      '--max-age-days <n>',
      'most days since the date of a price, 0 to 100000; undated prices fail (default: any age)',
      wholeNumber(0, 100_000),
    )
    .option('--json', 'print JSON')
    .action((books: readonly string[], options: CheckOptions) => checkBooks(books, options, output, nowMs()));
  prices
    .command('schema')
    .description('print the JSON Schema of a price book file, for editors')
    .action(() => output.json(schema));
}
