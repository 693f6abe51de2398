/**
 * What logs of HTTP requests have in common: status and sizes beside the times, functions named by a rule, and
 * arrivals inside the second where a log has whole seconds only.
 */
import { OUTCOMES } from '../../metering/execution.ts';
import { RandomStream } from '../kernel/random.ts';
import type { TraceBuilder } from './builder.ts';
import type { TraceFormatName, TraceSource } from './format.ts';
import { functionName, saidNaming } from './function-name.ts';
import { DURATION_US_MAX, type OptionalColumn } from './trace.ts';

const COLUMNS: readonly OptionalColumn[] = ['bytesIn', 'bytesOut', 'httpStatus', 'outcomeIndex'];
const US_PER_S = 1_000_000;

export interface WebRequest {
  readonly arrivedAtUs: number;
  /** NaN when the log does not say. */
  readonly runUs: number;
  readonly url: string;
  readonly host?: string;
  readonly httpStatus: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A size or a status that may be missing: digits, or 0 for anything else, such as a dash. */
export const digitsOr0 = (text: string): number => (/^\d{1,15}$/.test(text) ? Number(text) : 0);

export class WebLog {
  readonly builder: TraceBuilder;
  readonly #source: TraceSource;
  #seconds: RandomStream | null = null;

  constructor(source: TraceSource, format: TraceFormatName) {
    this.#source = source;
    this.builder = source.builder(format, COLUMNS);
    this.builder.filled.push(saidNaming(source.options.functionBy ?? 'none'));
  }

  /** A place inside a second, drawn anew each time and said once. */
  withinSecond(): number {
    if (this.#seconds === null) {
      const { seed } = this.#source;
      this.#seconds = new RandomStream(seed, 'places in seconds');
      this.builder.filled.push(`arrivedAtUs within their second: uniform, seed ${seed}`);
    }
    return Math.floor(this.#seconds.uniform() * US_PER_S);
  }

  add(request: WebRequest): void {
    const { row } = this.builder;
    row.arrivedAtUs = request.arrivedAtUs;
    row.runUs = Math.min(request.runUs, DURATION_US_MAX);
    row.bytesIn = request.bytesIn;
    row.bytesOut = request.bytesOut;
    row.httpStatus = request.httpStatus;
    // A response was sent, whatever its status: the function ran to its end.
    row.outcomeIndex = OUTCOMES.indexOf('ok');
    const naming = this.#source.options.functionBy ?? 'none';
    row.functionIndex = this.builder.functionIndex(functionName(request.url, naming, request.host));
    this.builder.add();
  }
}
