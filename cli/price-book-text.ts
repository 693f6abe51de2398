/** A price book as text: what it bills, at which prices, from where and how old. */
import type { PriceBook, PriceMeter } from '../metering/price-book.ts';
import { formatDecimal, priceBookJson } from '../metering/price-book-json.ts';
import { textTable } from './output.ts';
import { ageDays } from './price-ages.ts';

/** `0.09 up to 10240, 0.085 up to 51200, then 0.07` */
function tiersText({ tiers }: PriceMeter): string {
  const last = tiers.length - 1;
  return tiers
    .map(({ upTo, priceText }, index) => {
      if (upTo !== null) return `${priceText} up to ${formatDecimal(upTo)}`;
      return index === last && last > 0 ? `then ${priceText}` : priceText;
    })
    .join(', ');
}

const orNone = (text: string): string => (text === '0' ? '-' : text);

function metersTable(book: PriceBook, nowMs: number): string {
  const rows = book.meters.map((meter) => [
    meter.meter,
    meter.unit,
    tiersText(meter),
    orNone(formatDecimal(meter.included)),
    orNone(formatDecimal(meter.free)),
    meter.atMost === null ? '-' : formatDecimal(meter.atMost),
    meter.asOf,
    ageDays(meter.asOf, nowMs) ?? '?',
    meter.confidence,
  ]);
  return textTable(
    ['meter', 'unit', 'USD a unit', 'included', 'free', 'at most', 'as of', 'days old', 'confidence'],
    rows,
  );
}

/** `memory-time: memory limit, memoryStepBytes 1048576, …` */
function measureLines(book: PriceBook): string[] {
  return priceBookJson(book).meters.map(({ meter, measure, unit, unitQuantity }) => {
    const { kind, ...rest } = measure;
    const fields = Object.entries(rest).map(
      ([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
    );
    const rule = fields.length === 0 ? kind : `${kind} (${fields.join(', ')})`;
    return `  ${meter}: ${rule}; 1 unit (${unit}) = ${unitQuantity}`;
  });
}

function sourceLines(book: PriceBook): string[] {
  const metersBySource = Map.groupBy(book.meters, ({ source }) => source);
  return [...metersBySource].map(([source, meters]) => {
    const names = meters.length === book.meters.length ? 'all' : meters.map(({ meter }) => meter).join(', ');
    return `  ${names}: ${source}`;
  });
}

export function priceBookText(book: PriceBook, nowMs: number): string {
  const parts = [
    `${book.id}: ${book.provider}, ${book.service}, ${book.region}; bills ${book.bills} by the ${book.period}`,
    metersTable(book, nowMs),
    `measures:\n${measureLines(book).join('\n')}\n`,
  ];
  if (book.sizes.length > 0) {
    const rows = book.sizes.map(({ name, vcpus, memoryMb, shared }) => [
      name,
      vcpus,
      memoryMb,
      shared ? 'shared' : 'own',
    ]);
    parts.push(textTable(['size', 'vCPUs', 'memory MB', 'processors'], rows));
  }
  parts.push(`notes: ${book.notes}`, `sources:\n${sourceLines(book).join('\n')}`);
  return parts.map((part) => part.trimEnd()).join('\n\n');
}
