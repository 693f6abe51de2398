/**
 * What ran last before a restart is compiled again soon after it, since that is what will probably be asked for next.
 * Nothing runs, and whatever fails here fails again where somebody hears of it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { debuglog } from 'node:util';
import type { ModuleCache, Runnable } from './component/module-cache.ts';
import type { Ledger } from './ledger/ledger.ts';

/** Shown where the environment has NODE_DEBUG=ebb. */
const debug = debuglog('ebb');

/** Executions that are looked at, and functions of theirs that are compiled. */
const EXECUTIONS = 100;
const FUNCTIONS_MAX = 8;
/** Of compiled code, after which no more is begun: a start should not be all about what may never be asked for. */
const CODE_BYTES_MAX = 4 * 1_048_576;

export interface PreloadParts {
  readonly ledger: Pick<Ledger, 'newest'>;
  readonly cache: Pick<ModuleCache, 'has' | 'get'>;
  /** What a name runs; undefined where it has no function any more. */
  readonly runnableOf: (functionName: string) => Runnable | undefined;
  /** Whether the host has other things to do from now on. */
  readonly isOver: () => boolean;
}

/** Resolves when it is done, or can do no more. */
export async function preload(parts: PreloadParts): Promise<void> {
  try {
    if (!parts.isOver()) await compileNewest(parts);
  } catch (thrown) {
    // The ledger may be closed meanwhile.
    debug('the preload broke off: %O', thrown);
  }
}

/** One after the other; those that are there already count as done. */
async function compileNewest({ ledger, cache, runnableOf, isOver }: PreloadParts): Promise<void> {
  const newest = await ledger.newest({}, EXECUTIONS);
  const names = [...new Set(newest.map(({ functionName }) => functionName))].slice(0, FUNCTIONS_MAX);
  let codeBytes = 0;
  for (const name of names) {
    await nextTurn();
    if (isOver() || codeBytes >= CODE_BYTES_MAX) return;
    const runnable = runnableOf(name);
    if (!runnable || cache.has(runnable)) continue;
    const compiled = await cache.get(runnable).catch(() => undefined);
    codeBytes += compiled?.codeBytes ?? 0;
  }
}
