/** The example of a book of fuel, as it stands in the guide to price books. */
import { readFileSync } from 'node:fs';
import { type PriceBook, readPriceBook } from '../metering/price-book.ts';

export function fuelBook(): PriceBook {
  const guide = readFileSync(new URL('../metering/prices/README.md', import.meta.url), 'utf8');
  const [, text = ''] = /## A book of fuel[\s\S]*?```json\n([\s\S]*?)```/.exec(guide) ?? [];
  return readPriceBook(JSON.parse(text));
}
