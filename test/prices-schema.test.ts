/** The JSON Schema of price books is kept in step with the reader: both refuse the same files. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CodedError } from '../metering/errors.ts';
import { readPriceBook } from '../metering/price-book.ts';
import { PRICE_BOOK_IDS } from '../metering/prices/catalogue.ts';
import { matches } from './json-schema.ts';

const folder = join(import.meta.dirname, '..', 'metering', 'prices');
const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const schema = json('price-book.schema.json');

/** What the reader alone knows: it compares fields with each other. */
const BEYOND_A_SCHEMA = [
  'a name of its own for each',
  'a size of the list, once',
  'a meter for each size',
  'more than the',
  'no end on the last tier',
  'an end on each tier but the last',
  'requestsPerUnitHour × bytesPerUnitHour',
  'at most three decimals',
];

function faultsOf(value: unknown): readonly string[] {
  try {
    readPriceBook(value);
    return [];
  } catch (thrown) {
    return (thrown as CodedError).details?.faults as string[];
  }
}

const isBeyond = (fault: string): boolean => BEYOND_A_SCHEMA.some((text) => fault.includes(text));

type Path = readonly (string | number)[];

function* pathsOf(value: unknown, at: Path = []): Generator<Path> {
  if (at.length > 0) yield at;
  if (typeof value !== 'object' || value === null) return;
  // The second of many meters says nothing that the first does not.
  const entries = Array.isArray(value)
    ? value.slice(0, 3).map((item, i) => [i, item])
    : Object.entries(value);
  for (const [key, item] of entries) yield* pathsOf(item, [...at, key as string | number]);
}

type Container = Record<string | number, unknown>;

function changed(book: unknown, path: Path, change: (holder: Container, key: string | number) => void) {
  const copy = structuredClone(book);
  let holder = copy as Container;
  for (const key of path.slice(0, -1)) holder = holder[key] as Container;
  change(holder, path.at(-1) as string | number);
  return copy;
}

const WRONG = [
  null,
  true,
  0,
  -1,
  1.5,
  0.0001,
  2 ** 60,
  '',
  'x',
  '-1',
  '1e3',
  '2026-13',
  '2026-02',
  [],
  {},
  [{}],
];

function* mutationsOf(book: unknown): Generator<{ readonly what: string; readonly value: unknown }> {
  for (const path of pathsOf(book)) {
    const at = path.join('.');
    if (typeof path.at(-1) === 'string') {
      yield { what: `${at} left out`, value: changed(book, path, (holder, key) => delete holder[key]) };
      const add = (holder: Container) => {
        holder.colour = 'blue';
      };
      yield { what: `a field beside ${at}`, value: changed(book, path, add) };
    }
    for (const wrong of WRONG) {
      const set = (holder: Container, key: string | number) => {
        holder[key] = wrong;
      };
      yield { what: `${at} = ${JSON.stringify(wrong)}`, value: changed(book, path, set) };
    }
  }
}

describe('the schema of price books', () => {
  it('is of draft 2020-12', () => {
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  });

  it.each(PRICE_BOOK_IDS)('takes %s, and of its changes those that the reader takes', (id) => {
    const book = json(`${id}.json`);
    expect(matches(schema, book)).toBe(true);
    const apart: string[] = [];
    let refused = 0;
    for (const { what, value } of mutationsOf(book)) {
      const faults = faultsOf(value);
      const isValid = matches(schema, value);
      if (!isValid) refused++;
      if (isValid !== faults.every(isBeyond)) apart.push(`${what}: schema ${isValid}, ${faults.join('; ')}`);
    }
    expect(apart).toEqual([]);
    expect(refused).toBeGreaterThan(100);
  });

  it('takes the kinds of measures that the reader takes for each kind of book', () => {
    const book = json('aws-lambda-x86.json');
    for (const bills of ['executions', 'instances', 'extras']) {
      for (const kind of ['fuel', 'requests', 'base-fee', 'bytes-out', 'bytes-through', 'colour']) {
        const value = { ...book, bills, meters: [{ ...book.meters[0], measure: { kind } }] };
        expect(matches(schema, value), `${bills} ${kind}`).toBe(faultsOf(value).length === 0);
      }
    }
  });

  it.each([null, 3, 'x', [], {}])('refuses %j as the reader does', (value) => {
    expect(matches(schema, value)).toBe(false);
    expect(faultsOf(value).length).toBeGreaterThan(0);
  });
});

describe('what the reader knows beyond the schema', () => {
  it.each([
    ['two meters of one name', 'aws-lambda-x86', ['meters', 1, 'meter'], 'requests', 'a name of its own'],
    ['two sizes of one name', 'aws-fargate-x86', ['sizes', 1, 'name'], '0.25vcpu-0.5gb', 'a name of its own'],
    ['a size without a meter', 'heroku', ['sizes', 0, 'name'], 'Free', 'a meter for each size'],
    ['a meter of no size', 'heroku', ['meters', 0, 'measure', 'size'], 'Free', 'a size of the list, once'],
    [
      'speeds out of order',
      'gcp-cloud-functions',
      ['meters', 2, 'measure', 'speeds', 1, 'memoryBytes'],
      1,
      'more than the one before',
    ],
    ['a unit of capacity of its own', 'aws-alb', ['meters', 1, 'unitQuantity'], '90000', '"96636764160000"'],
    ['tiers out of order', 'aws-egress', ['meters', 0, 'tiers', 1, 'upTo'], '5', 'more than the tier before'],
    ['a tier without an end', 'aws-egress', ['meters', 0, 'tiers', 1, 'upTo'], undefined, 'an end on each'],
    [
      'an end on the last tier',
      'aws-egress',
      ['meters', 0, 'tiers', 2, 'upTo'],
      '60000',
      'no end on the last',
    ],
    ['parts of a thousandth vCPU', 'render', ['sizes', 0, 'vcpus'], 0.0625, 'at most three decimals'],
  ] as const)('%s', (_what, id, path, value, expected) => {
    const book = changed(json(`${id}.json`), path, (holder, key) => {
      holder[key] = value;
    });
    expect(matches(schema, book)).toBe(true);
    expect(faultsOf(book).join('\n')).toContain(`expected ${expected}`);
    expect(faultsOf(book).every(isBeyond)).toBe(true);
  });
});
