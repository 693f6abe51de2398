/** Price books in files: a user's own book, the line of each fault, and the example of the guide. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { jsonPositions, offsetOf, positionAt } from '../cli/json-positions.ts';
import { isPriceFile, loadPriceBook, parsePriceBook } from '../cli/price-books.ts';
import { BillMeter } from '../metering/bill-meter.ts';
import { makeInvoice, reportInvoice } from '../metering/invoice.ts';
import { readPriceBook } from '../metering/price-book.ts';
import { priceBookJson } from '../metering/price-book-json.ts';
import { PRICE_BOOK_IDS, priceBook } from '../metering/prices/catalogue.ts';
import { BYTES_PER_MB } from '../metering/units.ts';
import { execution } from './records.ts';

const folder = mkdtempSync(join(tmpdir(), 'ebb-prices-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const guide = readFileSync(join(import.meta.dirname, '..', 'metering', 'prices', 'README.md'), 'utf8');
const example = /```json\n([\s\S]*?)```/.exec(guide)?.[1] as string;

function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** The line and column of the first place where the text has it. */
const placeOf = (text: string, part: string) => {
  const { line, column } = positionAt(text, text.indexOf(part));
  return `${line}:${column}`;
};

describe('the guide', () => {
  it('has an example that is a price book, and bills as it says', () => {
    const meter = new BillMeter(parsePriceBook(example, 'README.md'));
    meter.addExecution(execution({ runUs: 4_000, memoryBytesPeak: 65 * BYTES_PER_MB }));
    const quantities = meter.quantities.map((quantity) => quantity * 16_000_000n);
    const invoice = reportInvoice(makeInvoice(meter.book, quantities, { freeTier: false }));
    expect(invoice.lines.map((line) => [line.meter, line.tier, line.quantity, line.amountUsd])).toEqual([
      ['fee', 1, 1, 3],
      ['requests', 0, 1, 0],
      ['requests', 1, 10, 1],
      ['requests', 2, 5, 0.25],
      ['memory', 1, 20_000, 0.2], // 16M × 10 ms × 128 MB
    ]);
  });

  it('names every book', () => {
    for (const id of PRICE_BOOK_IDS) expect(guide).toContain(`\`${id}\``);
  });
});

describe('a price book as its file has it', () => {
  it.each(PRICE_BOOK_IDS)('%s is read again to the same book', (id) => {
    const book = priceBook(id);
    expect(readPriceBook(JSON.parse(JSON.stringify(priceBookJson(book))))).toEqual(book);
  });
});

describe('a price book of one’s own', () => {
  it('is taken by path, with a byte order mark or without', async () => {
    expect((await loadPriceBook(fileOf('mine.json', example))).id).toBe('mine');
    expect((await loadPriceBook(fileOf('bom.json', `\uFEFF${example}`))).id).toBe('mine');
    expect((await loadPriceBook('heroku')).id).toBe('heroku');
  });

  it('is a path when it has a slash or ends in .json', () => {
    expect(['./mine', 'a/b', 'C:\\mine', 'mine.json', 'MINE.JSON'].every(isPriceFile)).toBe(true);
    expect(PRICE_BOOK_IDS.some(isPriceFile)).toBe(false);
  });

  it('names the line and column of each fault, and of what a missing field is missing in', async () => {
    const text = example
      .replace('"priceUsd": "0.05"', '"priceUsd": 0.05')
      .replace('"timeStepUs": 1000,', '"timeStep": 1000,')
      .replace('"provider": "My company",\n', '');
    const file = fileOf('faulty.json', text);
    await expect(loadPriceBook(file)).rejects.toMatchObject({
      code: 'prices-invalid',
      details: {
        file,
        faults: [
          { place: `${file}:1:1`, text: 'book.provider: expected a text, got nothing' },
          {
            place: `${file}:${placeOf(text, '"priceUsd": 0.05')}`,
            text: expect.stringMatching(
              /^book\.meters\[1\]\.tiers\[1\]\.priceUsd: expected a decimal number/,
            ),
          },
          {
            place: `${file}:${placeOf(text, '"timeStep"')}`,
            text: expect.stringMatching(
              /^book\.meters\[2\]\.measure\.timeStep: expected one of the fields kind, /,
            ),
          },
          {
            place: `${file}:${placeOf(text, '"measure": {\n        "kind": "memory-time"')}`,
            text: 'book.meters[2].measure.timeStepUs: expected an integer of 1 or more, got nothing',
          },
        ],
      },
    });
  });

  it.each([
    ['{"id": "mine",}', '1:15', 'expected a field name in double quotes, got "}"'],
    ['{\n  "id": mine\n}', '2:9', 'expected a value, got "mine"'],
    ['{\n  "id": "mi', '2:9', 'expected a text that ends on its line, got "\\"mi"'],
    ['{"id": "mine"} 3', '1:16', 'expected nothing more, got "3"'],
    ['', '1:1', 'expected a value, got the end of the file'],
    ['['.repeat(1_000), '1:202', 'expected at most 200 levels, got "[[[[[[[[[[[[[[[[[[[["'],
  ])('says where %j stops being JSON', (text, place, fault) => {
    expect(() => parsePriceBook(text, 'mine.json')).toThrow(
      `mine.json is not a price book:\n  mine.json:${place}: ${fault}`,
    );
  });

  it('is refused when it cannot be read, naming the file', async () => {
    const missing = join(folder, 'missing.json');
    await expect(loadPriceBook(missing)).rejects.toMatchObject({
      code: 'file-unreadable',
      details: { file: missing },
    });
    await expect(loadPriceBook(`${folder}/`)).rejects.toMatchObject({ code: 'file-unreadable' });
    await expect(loadPriceBook('mine')).rejects.toThrow(
      /no price book "mine"; there are .* A file is given as a path/,
    );
  });
});

describe('places in JSON', () => {
  /** Each value's path, and the value. */
  function* valuesOf(value: unknown, path: string): Generator<readonly [string, unknown]> {
    yield [path, value];
    if (Array.isArray(value)) for (const [i, item] of value.entries()) yield* valuesOf(item, `${path}[${i}]`);
    else if (typeof value === 'object' && value !== null)
      for (const [key, item] of Object.entries(value)) yield* valuesOf(item, `${path}.${key}`);
  }
  const plainKeys = fc.stringMatching(/^[a-z]{1,3}$/);
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, false),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.string({ unit: 'binary' }),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(plainKeys, tie('tree'), { maxKeys: 4 }),
    ),
  }));

  it('are those of the values', () => {
    fc.assert(
      fc.property(tree, fc.constantFrom(0, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const positions = jsonPositions(text, 'book');
        expect(positions.fault).toBeNull();
        for (const [path, item] of valuesOf(value, 'book')) {
          const rest = text.slice(offsetOf(positions, path)).replace(/^"[a-z]{1,3}":\s*/, '');
          const first = JSON.stringify(item)[0] as string;
          expect(rest.startsWith(first), `${path} in ${text}`).toBe(true);
        }
      }),
    );
  });

  it('end where JSON.parse ends: a text that was changed is JSON to both or to neither', () => {
    const change = fc.record({
      at: fc.nat(),
      with: fc.constantFrom('', '"', ',', '}', '[', '0', '-', '\\', '\n', 'e'),
    });
    const isJson = (text: string) => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(tree, change, (value, { at, with: by }) => {
        const text = JSON.stringify(value, null, 1);
        const changed = text.slice(0, at % text.length) + by + text.slice((at % text.length) + 1);
        expect(jsonPositions(changed, 'book').fault === null, changed).toBe(isJson(changed));
      }),
      { numRuns: 2_000 },
    );
  });
});
