/** Transformations of a trace as options write them: `filter=function~^api,scale=2`. It parses and applies them in order. */
import { CodedError } from '../../metering/errors.ts';
import { didYouMean } from '../../metering/nearest.ts';
import { shown } from './fault.ts';
import { optionFault, plainNumber, spanUs } from './quantity.ts';
import { stored } from './stored.ts';
import { storedStep } from './stored-steps.ts';
import type { Spilling } from './temp-files.ts';
import { isStored, type ReadTrace, type Trace } from './trace.ts';
import { compressed, filtered, mixed, repeated, scaled, sliced } from './transform-steps.ts';
import type { Work } from './turns.ts';

const OPTION = 'transform';
const KINDS = ['scale', 'compress', 'repeat', 'slice', 'filter', 'mix'] as const;
type Kind = (typeof KINDS)[number];

export type Step =
  | { readonly kind: 'scale' | 'compress'; readonly text: string; readonly factor: number }
  | {
      readonly kind: 'repeat';
      readonly text: string;
      readonly times: number;
      readonly periodUs: number | null;
    }
  | { readonly kind: 'slice'; readonly text: string; readonly fromUs: number; readonly toUs: number }
  | { readonly kind: 'filter'; readonly text: string; readonly keeps: (name: string) => boolean }
  | { readonly kind: 'mix'; readonly text: string; readonly path: string };

const FACTOR_MAX = 1e6;
const TIMES_MAX = 100_000;

/** Values may hold commas (a pattern, a file's name), so a step ends only before the next step's name. */
const BETWEEN_STEPS = /,(?=\s*[a-z]+=)/;

/** @throws CodedError `usage` */
export function parseSteps(option: string | readonly string[] | undefined): readonly Step[] {
  const texts = option === undefined ? [] : typeof option === 'string' ? [option] : option;
  return texts.flatMap((text) => text.split(BETWEEN_STEPS).map((part) => parseStep(part.trim())));
}

function parseStep(text: string): Step {
  const equals = text.indexOf('=');
  const kind = text.slice(0, Math.max(equals, 0));
  const value = text.slice(equals + 1);
  if (!(KINDS as readonly string[]).includes(kind)) {
    const got = `${shown(equals < 0 ? text : kind)}${didYouMean(kind, KINDS)}`;
    throw optionFault(OPTION, text, `one of ${KINDS.map((name) => `${name}=…`).join(', ')}`, got);
  }
  return PARSERS[kind as Kind](text, value);
}

const PARSERS: Readonly<Record<Kind, (text: string, value: string) => Step>> = {
  scale: (text, value) => ({ kind: 'scale', text, factor: factorOf(text, value) }),
  compress: (text, value) => ({ kind: 'compress', text, factor: factorOf(text, value) }),
  repeat(text, value) {
    const [timesText = '', period] = value.split('/');
    const times = plainNumber(timesText);
    const periodUs = period === undefined ? null : spanUs(period);
    const isGood = Number.isInteger(times) && times >= 1 && times <= TIMES_MAX;
    if (isGood && (periodUs === null || periodUs > 0)) return { kind: 'repeat', text, times, periodUs };
    throw optionFault(
      OPTION,
      text,
      `1 to ${TIMES_MAX} times, with a period if need be: 3 or 3/24h`,
      shown(value),
    );
  },
  slice(text, value) {
    const [from = '', to = '', more] = value.split('..');
    const fromUs = spanUs(from);
    const toUs = to === '' ? Number.POSITIVE_INFINITY : spanUs(to);
    if (fromUs < toUs && more === undefined) return { kind: 'slice', text, fromUs, toUs };
    throw optionFault(
      OPTION,
      text,
      'two rising times with units such as 0s..600s, the second open if need be',
      shown(value),
    );
  },
  filter(text, value) {
    const [, not = '', how = '', wanted = ''] = /^function(!?)([=~])(.+)$/s.exec(value) ?? [];
    if (how === '') {
      throw optionFault(
        OPTION,
        text,
        'function=NAME, function~PATTERN, function!=NAME or function!~PATTERN',
        shown(value),
      );
    }
    const matches = how === '=' ? (name: string): boolean => name === wanted : patternOf(text, wanted);
    return { kind: 'filter', text, keeps: (name) => matches(name) !== (not === '!') };
  },
  mix(text, value) {
    if (value === '') throw optionFault(OPTION, text, 'the file of a trace', 'nothing');
    return { kind: 'mix', text, path: value };
  },
};

function factorOf(text: string, value: string): number {
  const factor = plainNumber(value);
  if (factor > 0 && factor <= FACTOR_MAX) return factor;
  throw optionFault(OPTION, text, `a number above 0, up to ${FACTOR_MAX}`, shown(value));
}

function patternOf(text: string, pattern: string): (name: string) => boolean {
  try {
    const regex = new RegExp(pattern);
    return (name) => regex.test(name);
  } catch (thrown) {
    throw optionFault(OPTION, text, 'a regular expression', (thrown as Error).message);
  }
}

/** The share of a first step that thins, which is done while the trace is read; else null. */
export function leadingShare(steps: readonly Step[]): number | null {
  const [first] = steps;
  return first?.kind === 'scale' && first.factor < 1 ? first.factor : null;
}

/** The steps that are left when a trace has been read. */
export const stepsAfterReading = (steps: readonly Step[]): readonly Step[] =>
  leadingShare(steps) === null ? steps : steps.slice(1);

/** The files that are mixed in, in order. */
export const mixedPaths = (steps: readonly Step[]): readonly string[] =>
  steps.flatMap((step) => (step.kind === 'mix' ? [step.path] : []));

/**
 * Applies the steps in order.
 * @param mixOf gives the trace of a file that is mixed in.
 * @param spilling where a trace goes that is long or becomes long; null to have all in memory.
 * @param done how many of the steps the trace has behind it already.
 * @throws CodedError `trace-empty` when a step leaves nothing, `trace-too-large` when it makes too much.
 */
export function* applySteps(
  read: ReadTrace,
  steps: readonly Step[],
  seed: number,
  mixOf: (path: string) => ReadTrace,
  spilling: Spilling | null,
  done = 0,
): Work<ReadTrace> {
  let trace = read;
  for (const [index, step] of steps.entries()) {
    if (index < done) continue;
    // The place is part of the purpose, so that two steps of one kind draw independently.
    const purpose = `transformation ${index + 1}, ${step.kind}`;
    const next = yield* appliedAnywhere(trace, step, { seed, purpose, mixOf, spilling });
    if (next.count === 0) {
      throw new CodedError(
        'trace-empty',
        `${trace.name}: ${step.text} leaves none of ${trace.count} requests`,
      );
    }
    const said = `${step.text}: ${trace.count} requests became ${next.count}${step.kind === 'scale' ? `, seed ${seed}` : ''}`;
    trace = { ...next, transformed: [...next.transformed, said] };
  }
  return trace;
}

interface How {
  readonly seed: number;
  readonly purpose: string;
  readonly mixOf: (path: string) => ReadTrace;
  readonly spilling: Spilling | null;
}

/** How many requests there will be, about. */
function countAfter({ count }: ReadTrace, step: Step, { mixOf }: How): number {
  switch (step.kind) {
    case 'scale':
      return Math.ceil(count * step.factor);
    case 'repeat':
      return count * step.times;
    case 'mix':
      return count + mixOf(step.path).count;
    default:
      return count;
  }
}

/** In a file where the trace is in one or becomes too long for memory. */
function* appliedAnywhere(trace: ReadTrace, step: Step, how: How): Work<ReadTrace> {
  const { seed, purpose, mixOf, spilling } = how;
  const isInFile = isStored(trace) || (step.kind === 'mix' && isStored(mixOf(step.path)));
  if (spilling === null || !(isInFile || countAfter(trace, step, how) > spilling.inMemoryMax)) {
    return yield* applied(trace as Trace, step, seed, purpose, mixOf as (path: string) => Trace);
  }
  const own = yield* stored(trace as Trace, spilling);
  const other = step.kind === 'mix' ? yield* stored(mixOf(step.path) as Trace, spilling) : null;
  const next = yield* storedStep(own, step, { seed, purpose, other, spilling });
  spilling.files.close(own.rows.fd);
  return next;
}

function applied(
  trace: Trace,
  step: Step,
  seed: number,
  purpose: string,
  mixOf: (path: string) => Trace,
): Work<Trace> {
  switch (step.kind) {
    case 'scale':
      return scaled(trace, step.factor, seed, purpose);
    case 'compress':
      return compressed(trace, step.factor);
    case 'repeat':
      return repeated(trace, step.times, step.periodUs);
    case 'slice':
      return sliced(trace, step.fromUs, step.toUs);
    case 'filter':
      return filtered(trace, step.keeps);
    case 'mix':
      return mixed(trace, mixOf(step.path));
    default:
      return step satisfies never;
  }
}
