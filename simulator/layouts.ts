/**
 * Keeps replays fast when there are many in one process. V8 forgets the layout of a class's objects when none of them
 * lives, and may then make dictionaries of those of a later replay, which runs at less than half the speed. So one small
 * replay on each platform stays alive. It has no influence on any result.
 */
import { planned } from './plan.ts';
import type { PlatformName, Replay, ReplayHead } from './platforms/platform.ts';
import { prepare } from './prepare.ts';
import { checkScenario } from './scenario.ts';
import { SeriesMeter } from './series.ts';
import { Tally } from './tally.ts';
import { TraceBuilder } from './traces/builder.ts';
import { whole } from './traces/stored.ts';
import type { Trace } from './traces/trace.ts';
import { atOnce } from './traces/turns.ts';

const kept = new Map<PlatformName, readonly [Replay, Tally]>();

const NO_EXTRAS = { books: [], requestBytes: null, responseBytes: null, stated: {} };
const INTERVAL_US = 1_000_000;

function oneRequest(): Trace {
  const builder = new TraceBuilder('', '', []);
  builder.functionIndex('f');
  builder.row.runUs = 1;
  builder.add();
  return whole(atOnce(builder.finish()));
}

/** Before a replay on this platform begins. */
export function keepLayouts(platform: PlatformName): void {
  if (kept.has(platform)) return;
  const trace = oneRequest();
  const head: ReplayHead = { ...trace, isWhole: true, firstUs: 0, memoryBytesOf: () => undefined };
  for (const { pricing, scenario } of planned(checkScenario({ platforms: [platform] }))) {
    const tally = new Tally(1, 1, pricing, NO_EXTRAS, new SeriesMeter(0, INTERVAL_US));
    const replay = prepare(platform, pricing, scenario, trace, scenario.seed).platform.begin(head, tally);
    replay.feed(trace, 0, 1);
    kept.set(platform, [replay, tally]);
  }
}
