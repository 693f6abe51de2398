/** The options of `ebb simulate` that say how it runs and what it varies, rather than what a platform is. */
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { SWEEPABLE } from '../../simulator/sweep/axes.ts';
import { flagOf, wholeNumber } from '../option-values.ts';

const THREADS_MAX = 256;

/** By option as the simulator names it. */
export type SweepTexts = Readonly<Record<string, string>>;

/** `keep-alive-s=60,300` or `keepAliveS=60,300`. */
function sweepText(text: string, before: SweepTexts | undefined): SweepTexts {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(equals, 0)).trim();
  const values = text.slice(equals + 1);
  if (name === '' || values === '') {
    throw new InvalidArgumentError(
      `Expected an option and its values such as instances=1..16, got ${JSON.stringify(text)}.`,
    );
  }
  const key = SWEEPABLE.find((option) => option === name || flagOf(option) === name) ?? name;
  if (before !== undefined && key in before) {
    throw new InvalidArgumentError(`Expected ${key} to be swept once, got it twice.`);
  }
  return { ...before, [key]: values };
}

const gathered = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
];

export function addSweepOptions(command: Command): Command {
  const group = 'Run:';
  const rows: readonly Option[] = [
    new Option(
      '--scenario <file>',
      'options from a file of JSON, by their names there (keepAliveS), with sweep and require; flags come first',
    ),
    new Option(
      '--sweep <option=values>',
      'vary an option: instances=1..16, keep-alive-s=0..600+60, memory-mb=128..8192*2, pick=newest,lru; or the traffic: scale=1,2,4, compress=1..4, repeat=1,7, and rate=10/s,20/s with --synthetic; several make a grid',
    ).argParser(sweepText),
    new Option(
      '--require <goal>',
      'a goal such as "p95Ms<=200", several are all to hold: marks the points that hold, and names the cheapest',
    ).argParser(gathered),
    new Option('--threads <n>', 'threads that replay (1 to 256; default: one for each processor)').argParser(
      wholeNumber(1, THREADS_MAX),
    ),
    new Option('--progress', 'say how far it is although nobody looks (default: on a terminal)'),
  ];
  for (const option of rows) command.addOption(option.helpGroup(group));
  return command;
}

export const threadsDefault = (): number => Math.min(availableParallelism(), THREADS_MAX);
