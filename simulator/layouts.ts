/**
 * Keeps replays fast when there are many in one process. V8 forgets the layout of a class's objects when none of them
 * lives, and may then make dictionaries of those of a later replay, which runs at less than half the speed. So one replay
 * of one request on each platform stays alive. It has no influence on any result.
 */
import type { Platform, PlatformName, Replay } from './platforms/platform.ts';
import type { Pricing } from './pricing.ts';
import { SeriesMeter } from './series.ts';
import { Tally } from './tally.ts';

const kept = new Map<PlatformName, readonly [Replay, Tally]>();

const NO_EXTRAS = { books: [], requestBytes: null, responseBytes: null, stated: {} };
const HEAD = {
  functionNames: ['f'],
  versions: [''],
  columns: {},
  isWhole: false,
  firstUs: 0,
  memoryBytesOf: (): undefined => undefined,
};
const ONE_ARRIVAL = {
  count: 1,
  arrivedAtUs: new Float64Array(1),
  runUs: Float64Array.of(1),
  functionIndex: new Uint32Array(1),
  columns: {},
};

/** Before a replay begins. @param make makes such a platform as will be replayed. */
export function keepLayouts(name: PlatformName, make: () => Platform, pricing: Pricing): void {
  if (kept.has(name)) return;
  const tally = new Tally(1, 1, pricing, NO_EXTRAS, new SeriesMeter(0, 1_000_000));
  const replay = make().begin(HEAD, tally);
  kept.set(name, [replay, tally]);
  replay.feed(ONE_ARRIVAL, 0, 1);
}
