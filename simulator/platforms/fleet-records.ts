/**
 * What a fleet tells of its requests: served, refused or lost with their machine. It remembers when those began whose
 * end is not known yet; it decides nothing.
 */
import type { Trace } from '../traces/trace.ts';
import { Arrivals, type MutableRecord, refuse } from './arrivals.ts';
import type { Sink } from './platform.ts';

const UNAVAILABLE = 503;
/** What a load balancer answers when a machine closes the connection (AWS, HTTP 502 of an ALB, 2025). */
const BAD_GATEWAY = 502;

export class FleetRecords {
  readonly #trace: Trace;
  readonly #sink: Sink;
  readonly #arrivals: Arrivals;
  readonly #startUs: Float64Array;
  readonly #startupUs: Float64Array;

  /** @param remembers whether any request is told of only when it has ended. */
  constructor(trace: Trace, sink: Sink, memoryBytes: number | null, remembers: boolean) {
    this.#trace = trace;
    this.#sink = sink;
    this.#arrivals = new Arrivals(trace, memoryBytes);
    this.#startUs = new Float64Array(remembers ? trace.count : 0);
    this.#startupUs = new Float64Array(remembers ? trace.count : 0);
  }

  load(at: number): MutableRecord {
    return this.#arrivals.load(at);
  }

  refused(at: number): void {
    this.#tell(at, refuse(this.load(at), UNAVAILABLE));
  }

  /** Its end is not known yet. */
  began(at: number, nowUs: number, startupUs: number): void {
    this.#startUs[at] = nowUs;
    this.#startupUs[at] = startupUs;
  }

  /** @param record as it was loaded for this request. */
  served(at: number, record: MutableRecord, waitUs: number, startupUs: number): void {
    record.queueUs = waitUs - startupUs;
    record.startupUs = startupUs;
    if (startupUs > 0) record.warmth = 'cold';
    this.#tell(at, record);
  }

  /** One that `began`. Gives its latency. */
  ended(at: number, nowUs: number): number {
    const record = this.load(at);
    const startUs = this.#startUs[at] as number;
    record.runUs = nowUs - startUs;
    this.served(at, record, startUs - record.arrivedAtUs, this.#startupUs[at] as number);
    return nowUs - record.arrivedAtUs;
  }

  /** One that `began` and will not be tried again: what it ran until now is all that it ran. */
  lost(at: number, nowUs: number): void {
    const record = this.load(at);
    const startUs = this.#startUs[at] as number;
    record.runUs = nowUs - startUs;
    record.cpuUs = Math.min(record.cpuUs, record.runUs);
    record.bytesOut = 0;
    record.outcome = 'interrupted';
    record.httpStatus = BAD_GATEWAY;
    this.served(at, record, startUs - record.arrivedAtUs, this.#startupUs[at] as number);
  }

  #tell(at: number, record: MutableRecord): void {
    this.#sink.execution(record, this.#trace.functionIndex[at] as number);
  }
}
