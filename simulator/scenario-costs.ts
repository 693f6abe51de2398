/** The options of a scenario that are about money: prices, spot machines, commitments and what stands beside. */
import type { PriceBook } from '../metering/price-book.ts';
import { US_PER_S } from '../metering/units.ts';
import { type OptionReader, shown } from './option-reader.ts';
import { parseLives, SPOT_REPLACEMENTS } from './platforms/spot.ts';
import type { Scenario } from './scenario.ts';
import type { ScenarioKey } from './scenario-options.ts';

type Read = OptionReader<ScenarioKey>;

const SECONDS_MAX = 1e9;
const INSTANCES_MAX = 100_000;
const COUNT_MAX = 2 ** 31 - 1;

/** Ids, and books that were checked when they were read from a file of the user's own. */
function readPrices(read: Read, key: 'prices' | 'extras'): readonly (string | PriceBook)[] | null {
  const value = read.value(key);
  if (value === undefined) return null;
  const isBook = (item: unknown): boolean => typeof (item as PriceBook | null)?.id === 'string';
  const isGood =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item === 'string' || isBook(item));
  return isGood
    ? [...new Set(value as (string | PriceBook)[])]
    : read.fault(key, 'a list of price books, at least one');
}

/** AWS gives two minutes (EC2 User Guide, "Spot Instance interruption notices", 2025); others give less. */
const SPOT_NOTICE_US = 120 * US_PER_S;
const SPOT_RATE_MAX = 3_600;

export function readSpot(read: Read) {
  const ratePerHour = read.number('spotRate', SPOT_RATE_MAX);
  const livesUs = read.parsed('spotLivesS', parseLives, 'seconds above 0, such as 1800,5400');
  const noticeUs = read.us('spotNoticeS', SECONDS_MAX, US_PER_S) ?? SPOT_NOTICE_US;
  const replacement = read.oneOf('spotReplacement', SPOT_REPLACEMENTS) ?? 'after';
  const isFirstHourFree = read.flag('spotFirstHourFree') ?? false;
  const isSpot = ratePerHour !== null || livesUs !== null;
  return {
    spot: isSpot ? { ratePerHour: ratePerHour ?? 0, livesUs, noticeUs, replacement, isFirstHourFree } : null,
    spotDiscount: read.number('spotDiscount', 99.999),
  } as const;
}

const USD_MAX = 1e6;

export function readCosts(read: Read) {
  return {
    prices: readPrices(read, 'prices') ?? [],
    commitUsd: read.number('commitUsd', USD_MAX),
    reserved: read.integer('reserved', 0, INSTANCES_MAX),
    commitDiscount: read.number('commitDiscount', 99.999),
    extras: readPrices(read, 'extras') ?? [],
    requestBytes: read.integer('requestBytes', 0, COUNT_MAX),
    responseBytes: read.integer('responseBytes', 0, COUNT_MAX),
    logBytes: read.integer('logBytes', 0, COUNT_MAX),
    natBytes: read.integer('natBytes', 0, COUNT_MAX),
    freeTier: read.flag('freeTier') ?? false,
  } as const;
}

/** What is spot, committed or beside. */
export function crossCheckCosts(read: Read, scenario: Scenario): void {
  const { commitUsd, reserved, commitDiscount, spot, extras } = scenario;
  const isCommitted = commitUsd !== null || reserved !== null;
  const say = (fault: string): void => void read.faults.push(fault);
  if (commitUsd !== null && reserved !== null)
    say('reserved: is for reservations alone, got it beside commitUsd');
  if (isCommitted && commitDiscount === null)
    say('commitDiscount: expected what the commitment takes off, in %, got nothing');
  if (!isCommitted && commitDiscount !== null) say('commitDiscount: is for commitUsd or reserved');
  if (isCommitted && spot !== null)
    say('commitDiscount: is for machines on demand, commitments cover no spot machines');
  for (const key of ['spotNoticeS', 'spotReplacement', 'spotFirstHourFree', 'spotDiscount'] as const)
    if (read.value(key) !== undefined && spot === null)
      say(`${key}: is for spotRate or spotLivesS alone, got ${shown(read.value(key))} without`);
  if (read.value('spotLivesS') !== undefined && read.value('spotRate') !== undefined)
    say('spotRate: is for lives by a rate, without spotLivesS');
  if (extras.length > 0) return;
  for (const key of ['requestBytes', 'responseBytes', 'logBytes', 'natBytes'] as const)
    if (scenario[key] !== null) say(`${key}: is for extras alone, got ${scenario[key]} without`);
}
