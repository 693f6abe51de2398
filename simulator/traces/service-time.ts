/**
 * Service times for requests whose trace says none: a distribution read from an option, drawn from a seeded
 * stream and rounded to whole microseconds.
 */
import { gamma, normal } from '../kernel/draws.ts';
import type { RandomStream } from '../kernel/random.ts';
import { shown } from './fault.ts';
import { KeyValues, optionFault, spanUs } from './quantity.ts';
import { DURATION_US_MAX } from './trace.ts';

const OPTION = 'serviceTime';

export const SERVICE_TIME_FORMS = [
  'constant:120ms',
  'exponential:120ms',
  'lognormal:120ms,cv=1.5',
  'gamma:120ms,cv=0.5',
  'uniform:80ms..160ms',
  'empirical:FILE',
] as const;

export interface ServiceTime {
  /** As results show it, for example `exponential(120ms)`. */
  readonly name: string;
  /** One service time in whole microseconds. */
  draw(stream: RandomStream): number;
}

/** The file that an `empirical:` option names; null for all others. */
export const empiricalFile = (text: string): string | null =>
  text.startsWith('empirical:') ? text.slice('empirical:'.length) : null;

const bounded = (us: number): number => Math.min(Math.round(us), DURATION_US_MAX);

function ranged(text: string, body: string): ServiceTime {
  const [low = Number.NaN, high = Number.NaN, more] = body.split('..').map(spanUs);
  if (!(low <= high) || more !== undefined) {
    throw optionFault(OPTION, text, 'two times in rising order such as uniform:80ms..160ms', shown(body));
  }
  return {
    name: `uniform(${body})`,
    draw: (stream) => bounded(low + stream.uniform() * (high - low)),
  };
}

/** @param text one of the forms, but not `empirical`. @throws CodedError `usage` */
export function parseServiceTime(text: string): ServiceTime {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const body = colon < 0 ? '' : text.slice(colon + 1);
  if (kind === 'uniform') return ranged(text, body);
  const [meanText = '', ...pairs] = body.split(',');
  const values = new KeyValues(OPTION, text, pairs.join(','));
  const draw = drawOf(kind, values, text, meanText.trim());
  values.end();
  return { name: `${kind}(${body})`, draw };
}

function drawOf(kind: string, values: KeyValues, text: string, meanText: string): ServiceTime['draw'] {
  const isKnown = ['constant', 'exponential', 'lognormal', 'gamma'].includes(kind);
  if (!isKnown) throw optionFault(OPTION, text, `one of ${SERVICE_TIME_FORMS.join(', ')}`, shown(kind));
  const meanUs = spanUs(meanText);
  if (!(meanUs >= 0)) {
    throw optionFault(OPTION, text, `a mean with a unit such as ${kind}:120ms`, shown(meanText));
  }
  if (kind === 'constant') return () => meanUs;
  if (kind === 'exponential') return (stream) => bounded(stream.exponential(meanUs));
  const cv = values.number('cv', 0.001, 1_000, 1);
  if (kind === 'gamma') {
    const shape = 1 / cv ** 2;
    return (stream) => bounded((gamma(stream, shape) * meanUs) / shape);
  }
  // Mean m and coefficient of variation c of a lognormal: sigma² = ln(1 + c²), mu = ln m − sigma²/2.
  const variance = Math.log1p(cv ** 2);
  const sigma = Math.sqrt(variance);
  return (stream) => bounded(meanUs * Math.exp(sigma * normal(stream) - variance / 2));
}

/** Draws among measured times, each as likely as the others. */
export function empiricalServiceTime(timesUs: Float64Array, file: string): ServiceTime {
  return {
    name: `empirical(${file}: ${timesUs.length} times)`,
    draw: (stream) => timesUs[Math.floor(stream.uniform() * timesUs.length)] as number,
  };
}
