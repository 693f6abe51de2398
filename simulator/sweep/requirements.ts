/** Goals such as `p95Ms<=200`: they are read here, and a platform's figures hold them or do not. */
import { CodedError } from '../../metering/errors.ts';
import { didYouMean } from '../../metering/nearest.ts';
import type { Interval } from '../kernel/interval.ts';
import { shown } from '../option-reader.ts';
import { MEASURES, type ReplicatedMeasure } from '../replications.ts';

const COMPARISONS = ['<=', '<', '>=', '>'] as const;
type Comparison = (typeof COMPARISONS)[number];

export interface Requirement {
  readonly measure: ReplicatedMeasure;
  readonly comparison: Comparison;
  readonly limit: number;
}

/** Short names: a latency is meant where nothing else is said. */
const SHORT: Readonly<Record<string, ReplicatedMeasure>> = {
  meanMs: 'latencyMeanMs',
  p50Ms: 'latencyP50Ms',
  p90Ms: 'latencyP90Ms',
  p95Ms: 'latencyP95Ms',
  p99Ms: 'latencyP99Ms',
  p999Ms: 'latencyP999Ms',
  maxMs: 'latencyMaxMs',
};
const REQUIRABLE: readonly string[] = [...Object.keys(SHORT), ...Object.keys(MEASURES)];
const NOBODY_REJECTED: Requirement = { measure: 'rejectedShare', comparison: '<=', limit: 0 };

function readOne(text: string): Requirement {
  const [, name = '', comparison = '', limit = ''] =
    /^\s*(\w+)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?)\s*$/.exec(text) ?? [];
  if (comparison === '') {
    throw new CodedError(
      'config-invalid',
      `require: expected a goal such as p95Ms<=200 or rejectedShare<=0.001, got ${shown(text)}`,
    );
  }
  if (!REQUIRABLE.includes(name)) {
    throw new CodedError(
      'config-invalid',
      `require: no figure ${shown(name)}${didYouMean(name, REQUIRABLE)}; there are ${REQUIRABLE.join(', ')}`,
      { figures: REQUIRABLE },
    );
  }
  const measure = SHORT[name] ?? (name as ReplicatedMeasure);
  return { measure, comparison: comparison as Comparison, limit: Number(limit) };
}

/**
 * Latencies are of requests that were served, so a platform that refuses many would look fast: where a goal is set and
 * none says how many may be refused, nobody may.
 * @throws CodedError `config-invalid`
 */
export function readRequirements(texts: readonly string[]): readonly Requirement[] {
  const given = texts.map(readOne);
  const saysRejected = given.some(({ measure }) => measure === 'rejectedShare');
  return given.length === 0 || saysRejected ? given : [...given, NOBODY_REJECTED];
}

export const requirementText = ({ measure, comparison, limit }: Requirement): string =>
  `${measure}${comparison}${limit}`;

/** Whether figures hold; of a mean with an interval its worse end has to. */
export function holds(
  { measure, comparison, limit }: Requirement,
  figures: Readonly<Record<ReplicatedMeasure, Interval>>,
): boolean {
  const { mean, halfWidth } = figures[measure];
  const margin = halfWidth ?? 0;
  switch (comparison) {
    case '<=':
      return mean + margin <= limit;
    case '<':
      return mean + margin < limit;
    case '>=':
      return mean - margin >= limit;
    case '>':
      return mean - margin > limit;
    default:
      return comparison satisfies never;
  }
}
