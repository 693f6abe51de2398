/**
 * Which price book and which size of instance a platform is billed by. It chooses among what there is and
 * explains what does not fit; it adds nothing up.
 */
import { CodedError } from '../metering/errors.ts';
import type { InstanceSize, PriceBook } from '../metering/price-book.ts';
import { PRICE_BOOK_IDS, priceBook } from '../metering/prices/catalogue.ts';
import type { PlatformName } from './platforms/platform.ts';
import type { Scenario } from './scenario.ts';

/** How one platform is billed; `size` is null where executions are. */
export interface Pricing {
  readonly book: PriceBook;
  readonly size: InstanceSize | null;
}

interface Billing {
  readonly bills: PriceBook['bills'];
  readonly book: string;
  /** The size to begin with in the default book; else the cheapest that is large enough. */
  readonly size?: string;
}

const BILLINGS: Readonly<Record<PlatformName, Billing>> = {
  functions: { bills: 'executions', book: 'aws-lambda-x86' },
  vm: { bills: 'instances', book: 'aws-ec2' },
  paas: { bills: 'instances', book: 'heroku', size: 'Performance-M' },
};

const booksThatBill = (bills: PriceBook['bills']): string =>
  PRICE_BOOK_IDS.filter((id) => priceBook(id).bills === bills).join(', ');

/** Every given book must be of use to one of the platforms. */
function checkBooks(books: readonly PriceBook[], platforms: readonly PlatformName[]): void {
  for (const { id, bills } of books) {
    if (platforms.some((platform) => BILLINGS[platform].bills === bills)) continue;
    const wanted = bills === 'executions' ? 'instances' : 'executions';
    throw new CodedError(
      'prices-unfit',
      `price book ${id} bills ${bills}; for ${platforms.join(', ')} expected one that bills ${wanted}: ${booksThatBill(wanted)}`,
      { priceBook: id, platforms },
    );
  }
}

/**
 * The given books that price a platform. A book that is another chosen platform's own prices that one alone, so
 * `heroku` beside `vm` and `paas` does not turn machines into dynos.
 */
function booksFor(
  platform: PlatformName,
  given: readonly PriceBook[],
  chosen: readonly PlatformName[],
): PriceBook[] {
  const own = BILLINGS[platform];
  const others = chosen.filter((other) => other !== platform).map((other) => BILLINGS[other].book);
  const fitting = given.filter((book) => book.bills === own.bills && !others.includes(book.id));
  return fitting.length > 0 ? fitting : [priceBook(own.book)];
}

/** a dearer than b: a price by another unit is compared by the same time. */
function isDearer(book: PriceBook, a: InstanceSize, b: InstanceSize): boolean {
  const priced = (size: InstanceSize): { price: bigint; scale: bigint } => {
    const meter = book.meters.find(
      ({ measure }) => measure.kind === 'instance-time' && measure.size === size.name,
    );
    const tier = meter?.tiers[0];
    if (meter === undefined || tier === undefined)
      throw new Error(`${book.id} has no price for ${size.name}`);
    return { price: tier.priceUsd.digits, scale: meter.unitQuantity * 10n ** BigInt(tier.priceUsd.scale) };
  };
  const [left, right] = [priced(a), priced(b)];
  return left.price * right.scale > right.price * left.scale;
}

function cheapestSize(book: PriceBook, cores: number): InstanceSize {
  let cheapest: InstanceSize | undefined;
  for (const size of book.sizes) {
    if (size.shared || size.vcpus < cores) continue;
    if (cheapest === undefined || isDearer(book, cheapest, size)) cheapest = size;
  }
  if (cheapest !== undefined) return cheapest;
  const largest = book.sizes.reduce((a, b) => (b.vcpus > a.vcpus ? b : a));
  throw new CodedError(
    'prices-unfit',
    `price book ${book.id} has no size with ${cores} vCPUs of its own; its largest is ${largest.name} with ${largest.vcpus}. Use more instances with fewer cores`,
    { priceBook: book.id, cores, largest: largest.name },
  );
}

function sizeFor(platform: PlatformName, book: PriceBook, scenario: Scenario): InstanceSize {
  const given = book.sizes.find(({ name }) => name === scenario.instanceType);
  if (given !== undefined) {
    const cores = scenario.cores ?? 1;
    // A machine's core serves one request at once; a dyno may be told to serve more requests than it has vCPUs.
    if (platform !== 'vm' || cores <= given.vcpus) return given;
    throw new CodedError(
      'config-invalid',
      `cores: expected at most ${given.vcpus}, the vCPUs of ${given.name}, got ${cores}`,
      { instanceType: given.name, cores },
    );
  }
  const own = BILLINGS[platform];
  const usual = book.id === own.book ? book.sizes.find(({ name }) => name === own.size) : undefined;
  return usual ?? cheapestSize(book, scenario.cores ?? 1);
}

/**
 * What is to be simulated and how each is billed: one entry for each platform and each price book that it takes.
 * @throws CodedError `prices-unknown`, `prices-unfit` or `config-invalid`.
 */
export function planPricing(
  scenario: Scenario,
): readonly { readonly platform: PlatformName; readonly pricing: Pricing }[] {
  const { platforms, instanceType } = scenario;
  const given = scenario.prices.map((id) => priceBook(id));
  checkBooks(given, platforms);
  const chosen = platforms.flatMap((platform) =>
    booksFor(platform, given, platforms).map((book) => ({ platform, book })),
  );
  const sizes = chosen.flatMap(({ book }) => book.sizes.map(({ name }) => name));
  if (instanceType !== null && !sizes.includes(instanceType)) {
    const there = sizes.length > 0 ? `there are ${[...new Set(sizes)].join(', ')}` : 'functions have none';
    throw new CodedError(
      'config-invalid',
      `instanceType: no size ${JSON.stringify(instanceType)}; ${there}`,
      {
        instanceType,
        sizes,
      },
    );
  }
  return chosen.map(({ platform, book }) => {
    const size = book.bills === 'instances' ? sizeFor(platform, book, scenario) : null;
    return { platform, pricing: { book, size } };
  });
}
