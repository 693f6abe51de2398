/**
 * Ebb's own host: a fresh instance for every request on N machines, each with its workers and its bounded queue, by
 * the host's own decisions. Nothing is kept warm; the machines are always on.
 */
import type { ArrivalPiece } from '../traces/trace.ts';
import { Arrivals, type MutableRecord, refuse } from './arrivals.ts';
import type { Platform, PlatformTotals, Replay, ReplayHead, Sink } from './platform.ts';
import { QUEUE_FULL, QUEUE_TIMEOUT, Servers } from './servers.ts';

export interface EbbSettings {
  readonly machines: number;
  /** Worker threads of one machine: requests that compute at once. */
  readonly workers: number;
  /** A fresh instance takes this long; `trace`: as long as the trace says for that very request. */
  readonly startUs: number | 'trace';
  /** Of each machine. */
  readonly queueLimit: number;
  readonly queueTimeoutUs: number;
  /** A run is cut off after this; may be Infinity. */
  readonly timeLimitUs: number;
  readonly memoryBytes: number | null;
}

const UNAVAILABLE = 503;
const GATEWAY_TIMEOUT = 504;

/** The limit is on start-up and run together. */
function cutOff(record: MutableRecord, timeLimitUs: number): void {
  record.startupUs = Math.min(record.startupUs, timeLimitUs);
  record.runUs = timeLimitUs - record.startupUs;
  record.cpuUs = Math.min(record.cpuUs, timeLimitUs);
  record.bytesOut = 0;
  record.outcome = 'time-limit';
  record.httpStatus = GATEWAY_TIMEOUT;
}

class EbbReplay implements Replay {
  readonly #head: ReplayHead;
  readonly #settings: EbbSettings;
  readonly #sink: Sink;
  readonly #arrivals: Arrivals;
  readonly #machines: readonly Servers[];
  #next = 0;
  #lastUs: number;

  constructor(head: ReplayHead, settings: EbbSettings, sink: Sink) {
    const { machines, workers, queueLimit, queueTimeoutUs, memoryBytes } = settings;
    this.#head = head;
    this.#settings = settings;
    this.#sink = sink;
    this.#arrivals = new Arrivals(head, memoryBytes);
    this.#machines = Array.from({ length: machines }, () => new Servers(workers, queueLimit, queueTimeoutUs));
    this.#lastUs = head.firstUs;
  }

  feed(piece: ArrivalPiece, from: number, to: number): void {
    const arrivals = this.#arrivals;
    const first = arrivals.enter(piece);
    for (let at = first + from; at < first + to; at++) {
      this.#sink.execution(this.#request(at), arrivals.functionIndex);
    }
    arrivals.leave();
  }

  finish(): PlatformTotals {
    for (const _ of this.#machines) this.#sink.instance(this.#head.firstUs, this.#lastUs);
    return { instancesPeak: this.#machines.length, instancesPeakByFunction: null };
  }

  #request(at: number): MutableRecord {
    const { startUs: freshUs, queueTimeoutUs, timeLimitUs } = this.#settings;
    const record = this.#arrivals.load(at);
    // A plain load balancer: the machines in turn, whatever they are doing.
    const machine = this.#machines[this.#next] as Servers;
    this.#next = (this.#next + 1) % this.#machines.length;
    this.#noteEnd(record.arrivedAtUs);
    const startUs = machine.startOf(record.arrivedAtUs);
    if (startUs === QUEUE_FULL) return refuse(record, UNAVAILABLE);
    if (startUs === QUEUE_TIMEOUT) {
      refuse(record, UNAVAILABLE);
      record.queueUs = queueTimeoutUs;
      return record;
    }
    record.queueUs = startUs - record.arrivedAtUs;
    record.startupUs = freshUs === 'trace' ? (this.#arrivals.valueOf('startupUs', at) ?? 0) : freshUs;
    // The code is compiled once for all; only the instance is new.
    record.warmth = 'cached';
    if (record.startupUs + record.runUs > timeLimitUs) cutOff(record, timeLimitUs);
    const endUs = startUs + record.startupUs + record.runUs;
    machine.occupy(endUs);
    this.#noteEnd(endUs);
    return record;
  }

  #noteEnd(endUs: number): void {
    if (endUs > this.#lastUs) this.#lastUs = endUs;
  }
}

export function ebbPlatform(settings: EbbSettings): Platform {
  return { begin: (head, sink) => new EbbReplay(head, settings, sink) };
}
