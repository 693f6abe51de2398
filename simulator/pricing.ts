/**
 * Which price book and which size of instance a platform is billed by. It chooses among what there is and
 * explains what does not fit; it adds nothing up.
 */
import { type Commitment, CommitmentMeter } from '../metering/commitment.ts';
import { discountedBook } from '../metering/discount.ts';
import { CodedError } from '../metering/errors.ts';
import type { InstanceSize, PriceBook } from '../metering/price-book.ts';
import { PRICE_BOOK_IDS, priceBook } from '../metering/prices/catalogue.ts';
import { sizeMonthNanoUsd } from '../metering/size-price.ts';
import { parseDecimal } from '../metering/units.ts';
import type { PlatformName } from './platforms/platform.ts';
import type { Scenario } from './scenario.ts';
import { OPTION_USERS } from './scenario-options.ts';

/** How one platform is billed; `size` is null where executions are. */
export interface Pricing {
  readonly book: PriceBook;
  readonly size: InstanceSize | null;
  /** What provisioned instances are billed by, beside the executions on demand; null where there are none. */
  readonly provisioned: PriceBook | null;
  /** What is paid each hour, used or not; null where everything is on demand. */
  readonly commitment: Commitment | null;
}

interface Billing {
  readonly bills: 'executions' | 'instances';
  readonly book: string;
  /** The size to begin with in the default book; else the cheapest that is large enough. */
  readonly size?: string;
}

const BILLINGS: Readonly<Record<PlatformName, Billing>> = {
  functions: { bills: 'executions', book: 'aws-lambda-x86' },
  vm: { bills: 'instances', book: 'aws-ec2' },
  paas: { bills: 'instances', book: 'heroku', size: 'Performance-M' },
  'vm-group': { bills: 'instances', book: 'aws-ec2' },
  containers: { bills: 'instances', book: 'gcp-cloud-run-concurrent', size: '1vcpu-512mb' },
  ebb: { bills: 'instances', book: 'aws-ec2' },
};

/** The books of provisioned concurrency, by the book of what runs on demand. */
const PROVISIONED_BOOKS: Readonly<Record<string, string>> = {
  'aws-lambda-x86': 'aws-lambda-provisioned-x86',
  'aws-lambda-arm': 'aws-lambda-provisioned-arm',
};

/** Platforms that know when each instance was busy, by request and by processor time. */
const KNOWS_WORK: readonly PlatformName[] = ['paas', 'vm-group', 'containers'];

const booksThatBill = (bills: PriceBook['bills']): string =>
  PRICE_BOOK_IDS.filter((id) => priceBook(id).bills === bills).join(', ');

/** Every given book must be of use to one of the platforms. */
function checkBooks(books: readonly PriceBook[], platforms: readonly PlatformName[]): void {
  for (const { id, bills } of books) {
    if (platforms.some((platform) => BILLINGS[platform].bills === bills)) continue;
    const wanted = platforms.some((platform) => BILLINGS[platform].bills === 'instances')
      ? 'instances'
      : 'executions';
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
  const others = chosen.map((other) => BILLINGS[other].book).filter((id) => id !== own.book);
  const fitting = given.filter((book) => book.bills === own.bills && !others.includes(book.id));
  return fitting.length > 0 ? fitting : [priceBook(own.book)];
}

const monthOf = (book: PriceBook, { name }: InstanceSize): bigint => sizeMonthNanoUsd(book, name);

function cheapestOf(book: PriceBook, cores: number): InstanceSize | undefined {
  let cheapest: InstanceSize | undefined;
  for (const size of book.sizes) {
    if (size.shared || size.vcpus < cores) continue;
    if (cheapest === undefined || monthOf(book, size) < monthOf(book, cheapest)) cheapest = size;
  }
  return cheapest;
}

function cheapestSize(book: PriceBook, cores: number): InstanceSize {
  const cheapest = cheapestOf(book, cores);
  if (cheapest !== undefined) return cheapest;
  const largest = book.sizes.reduce((a, b) => (b.vcpus > a.vcpus ? b : a));
  throw new CodedError(
    'prices-unfit',
    `price book ${book.id} has no size with ${cores} vCPUs of its own; its largest is ${largest.name} with ${largest.vcpus}. Use more instances with fewer cores`,
    { priceBook: book.id, cores, largest: largest.name },
  );
}

/** Books that bill busy time, requests or processor time need a platform that knows them of each instance. */
function checkWork(platform: PlatformName, book: PriceBook, isShared: boolean): void {
  const bills = book.meters.some(({ measure }) => {
    if (measure.kind === 'requests' || measure.kind === 'cpu-time') return true;
    return 'time' in measure && measure.time !== 'life';
  });
  if (!bills || KNOWS_WORK.includes(platform) || (platform === 'vm' && isShared)) return;
  throw new CodedError(
    'prices-unfit',
    `price book ${book.id} bills what each instance did; for ${platform} expected one that bills its life alone, such as ${BILLINGS[platform].book}`,
    { priceBook: book.id, platform },
  );
}

function provisionedBook(book: PriceBook): PriceBook {
  const id = PROVISIONED_BOOKS[book.id];
  if (id !== undefined) return priceBook(id);
  throw new CodedError(
    'prices-unfit',
    `provisioned: expected a price book that sells it (${Object.keys(PROVISIONED_BOOKS).join(', ')}), got ${book.id}`,
    { priceBook: book.id },
  );
}

const isMachine = (platform: PlatformName): boolean => platform === 'vm' || platform === 'vm-group';

const spotBook = (book: PriceBook, { spotDiscount }: Scenario): PriceBook =>
  spotDiscount === null ? book : discountedBook(book, parseDecimal(String(spotDiscount)), 'spot');

function commitmentFor(platform: PlatformName, scenario: Scenario): Commitment | null {
  const { commitUsd, reserved, commitDiscount } = scenario;
  const discountPercent = parseDecimal(String(commitDiscount ?? 0));
  if (commitUsd !== null && OPTION_USERS.commitUsd.includes(platform)) {
    return { kind: 'spend', usdPerHour: parseDecimal(String(commitUsd)), discountPercent };
  }
  if (reserved === null || !OPTION_USERS.reserved.includes(platform)) return null;
  return { kind: 'instances', count: reserved, discountPercent };
}

function sizeFor(platform: PlatformName, book: PriceBook, scenario: Scenario): InstanceSize {
  const given = book.sizes.find(({ name }) => name === scenario.instanceType);
  if (given !== undefined) {
    const cores = scenario.cores ?? 1;
    // A core is a vCPU; a dyno alone may be told to serve more requests at once than it has vCPUs.
    if (platform === 'paas' || cores <= given.vcpus) return given;
    throw new CodedError(
      'config-invalid',
      `cores: expected at most ${given.vcpus}, the vCPUs of ${given.name}, got ${cores}`,
      { instanceType: given.name, cores },
    );
  }
  const own = BILLINGS[platform];
  const usual = book.id === own.book ? book.sizes.find(({ name }) => name === own.size) : undefined;
  const isEnough = usual !== undefined && (platform === 'paas' || (scenario.cores ?? 1) <= usual.vcpus);
  return isEnough ? usual : cheapestSize(book, scenario.cores ?? 1);
}

/**
 * What is to be simulated and how each is billed: one entry for each platform and each price book that it takes.
 * @throws CodedError `prices-unknown`, `prices-unfit` or `config-invalid`.
 */
export function planPricing(
  scenario: Scenario,
): readonly { readonly platform: PlatformName; readonly pricing: Pricing }[] {
  const { platforms, instanceType } = scenario;
  const given = scenario.prices.map((book) => (typeof book === 'string' ? priceBook(book) : book));
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
    if (book.bills === 'instances') checkWork(platform, book, scenario.sharing === 'ps');
    const size = book.bills === 'instances' ? sizeFor(platform, book, scenario) : null;
    const isProvisioned = platform === 'functions' && scenario.provisioned !== null;
    const sold = isMachine(platform) ? spotBook(book, scenario) : book;
    const provisioned = isProvisioned ? provisionedBook(book) : null;
    const commitment = commitmentFor(platform, scenario);
    // Its refusal comes before anything is simulated.
    if (commitment !== null) new CommitmentMeter(sold, commitment, size?.name ?? null);
    return { platform, pricing: { book: sold, size, provisioned, commitment } };
  });
}
