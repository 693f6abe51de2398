/**
 * What a fleet tells of its requests: served, refused or lost with their machine. It remembers when those began whose
 * end is not known yet; it decides nothing.
 */
import type { ArrivalPiece } from '../traces/trace.ts';
import { Arrivals, type MutableRecord, refuse } from './arrivals.ts';
import { BegunRuns } from './begun-runs.ts';
import type { ReplayHead, Sink } from './platform.ts';

const UNAVAILABLE = 503;
/** What a load balancer answers when a machine closes the connection (AWS, HTTP 502 of an ALB, 2025). */
const BAD_GATEWAY = 502;

export class FleetRecords {
  readonly #sink: Sink;
  readonly #arrivals: Arrivals;
  /** Those that are told of only when they have ended. */
  readonly #begun = new BegunRuns();

  constructor(head: ReplayHead, sink: Sink, memoryBytes: number | null) {
    this.#sink = sink;
    this.#arrivals = new Arrivals(head, memoryBytes);
  }

  /** @returns the number of the piece's first arrival. */
  enter(piece: ArrivalPiece): number {
    return this.#arrivals.enter(piece);
  }

  leave(): void {
    this.#arrivals.leave();
  }

  /** It waits, or will come again: it is needed later. */
  hold(at: number): void {
    this.#arrivals.hold(at);
  }

  load(at: number): MutableRecord {
    return this.#arrivals.load(at);
  }

  refused(at: number): void {
    this.#tell(at, refuse(this.load(at), UNAVAILABLE));
  }

  /** Its end is not known yet. */
  began(at: number, nowUs: number, startupUs: number): void {
    this.#arrivals.hold(at);
    this.#begun.add(at, nowUs, startupUs);
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
    const startUs = this.#begun.startUs(at);
    const startupUs = this.#begun.startupUs(at);
    this.#begun.remove(at);
    record.runUs = nowUs - startUs;
    this.served(at, record, startUs - record.arrivedAtUs, startupUs);
    return nowUs - record.arrivedAtUs;
  }

  /** One that `began` and will be tried again. */
  forget(at: number): void {
    this.#begun.remove(at);
  }

  /** One that `began` and will not be tried again: what it ran until now is all that it ran. */
  lost(at: number, nowUs: number): void {
    const record = this.load(at);
    const startUs = this.#begun.startUs(at);
    const startupUs = this.#begun.startupUs(at);
    this.#begun.remove(at);
    record.runUs = nowUs - startUs;
    record.cpuUs = Math.min(record.cpuUs, record.runUs);
    record.bytesOut = 0;
    record.outcome = 'interrupted';
    record.httpStatus = BAD_GATEWAY;
    this.served(at, record, startUs - record.arrivedAtUs, startupUs);
  }

  #tell(at: number, record: MutableRecord): void {
    this.#sink.execution(record, this.#arrivals.functionIndex);
    this.#arrivals.release(at);
  }
}
