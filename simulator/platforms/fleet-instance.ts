/**
 * One instance of a fleet: what runs on it and how fast. Requests have a processor each, or share the processors
 * equally (processor sharing, by virtual time). It knows no queue, no router and no autoscaler.
 */
import { EventQueue } from '../kernel/event-queue.ts';
import { Fifo } from '../kernel/fifo.ts';
import type { InstanceWork } from './platform.ts';

/** `draining` takes nothing more and ends when it is empty; `noticed` the same, and ends when it is taken. */
export type InstanceState = 'booting' | 'ready' | 'draining' | 'noticed';

const NEVER = Number.POSITIVE_INFINITY;

export class FleetInstance {
  readonly id: number;
  readonly slot: number;
  readonly startedAtUs: number;
  readonly readyAtUs: number;
  /** One of the minimum: never stopped before the end. */
  readonly isKept: boolean;
  /** Whether the boot counts as work. */
  readonly #bootIsBusy: boolean;
  state: InstanceState = 'booting';
  isWarmedUp = false;
  running = 0;
  requests = 0;
  cpuUs = 0;
  /** Where each instance has a queue of its own. */
  readonly waiting = new Fifo();
  /** When the request that ends next will end; of the shared processors alone. */
  nextEndUs = NEVER;
  /** When its provider announces that it takes it, and when it does; Infinity where that never happens. */
  noticeAtUs = NEVER;
  takenAtUs = NEVER;
  /** Requests with a processor each that will not end before it is taken. */
  readonly doomed: number[] = [];
  readonly #busySpansUs: number[] = [];
  #busyUs = 0;
  #busySinceUs = 0;
  /** By the virtual time at which they end. */
  readonly #sharing = new EventQueue();
  /** Processor time that every sharing request has had. */
  #virtualUs = 0;
  #virtualAtUs = 0;

  constructor(life: {
    readonly id: number;
    readonly slot: number;
    readonly startedAtUs: number;
    readonly readyAtUs: number;
    readonly isKept: boolean;
    readonly bootIsBusy: boolean;
  }) {
    this.id = life.id;
    this.slot = life.slot;
    this.startedAtUs = life.startedAtUs;
    this.readyAtUs = life.readyAtUs;
    this.isKept = life.isKept;
    this.#bootIsBusy = life.bootIsBusy && life.readyAtUs > life.startedAtUs;
  }

  /** A request begins to run. */
  begin(nowUs: number, cpuUs: number): void {
    if (this.running++ === 0) this.#busySinceUs = this.#sinceOf(nowUs);
    this.requests++;
    this.cpuUs += cpuUs;
  }

  finish(nowUs: number): void {
    if (--this.running === 0) this.#addSpan(nowUs - this.#busySinceUs);
  }

  /** Adds a request to those that share; `begin` comes first. */
  share(at: number, runUs: number, nowUs: number, processors: number): void {
    // With nobody there the virtual clock may begin anew, which keeps its fractions fine.
    if (this.#sharing.length === 0) this.#virtualUs = 0;
    else this.#advance(nowUs, this.#sharing.length, processors);
    this.#virtualAtUs = nowUs;
    this.#sharing.push(this.#virtualUs + runUs, at);
    this.#plan(nowUs, this.#sharing.length, processors);
  }

  /** Takes out one request that has ended by now; below 0 when there is none. `finish` comes after. */
  takeEnded(nowUs: number, processors: number): number {
    const sharing = this.#sharing;
    if (sharing.length === 0) return -1;
    const isPlanned = this.nextEndUs === nowUs;
    this.#advance(nowUs, sharing.length, processors);
    // What was planned to end now has ended, whatever the last bits of the virtual time say.
    if (!isPlanned && sharing.nextKey > this.#virtualUs) {
      this.#plan(nowUs, sharing.length, processors);
      return -1;
    }
    this.#virtualUs = Math.max(this.#virtualUs, sharing.nextKey);
    const at = sharing.pop();
    this.nextEndUs = NEVER;
    return at;
  }

  /** Everything that still runs is lost now; what ends now has been taken out before. Gives the lost ones. */
  loseAll(nowUs: number): number[] {
    const lost = [...this.doomed];
    while (this.#sharing.length > 0) lost.push(this.#sharing.pop());
    this.nextEndUs = NEVER;
    for (let left = lost.length; left > 0; left--) this.finish(nowUs);
    return lost;
  }

  /** Of its whole life, which ends now with nothing running. */
  work(nowUs: number, memoryBytes: number | null): InstanceWork {
    if (this.#bootIsBusy && this.requests === 0) {
      this.#addSpan(Math.min(nowUs, this.readyAtUs) - this.startedAtUs);
    }
    const lifeUs = nowUs - this.startedAtUs;
    return {
      busySpansUs: this.#busySpansUs,
      busyUs: this.#busyUs,
      keptUs: this.isKept ? lifeUs - this.#busyUs : 0,
      cpuUs: this.cpuUs,
      requests: this.requests,
      memoryBytes,
      isProvisioned: false,
    };
  }

  /** A boot that ends with the first request's beginning is one span with it; else it is a span of its own. */
  #sinceOf(nowUs: number): number {
    if (!this.#bootIsBusy || this.requests > 0) return nowUs;
    if (nowUs === this.readyAtUs) return this.startedAtUs;
    this.#addSpan(this.readyAtUs - this.startedAtUs);
    return nowUs;
  }

  #addSpan(lengthUs: number): void {
    this.#busySpansUs.push(lengthUs);
    this.#busyUs += lengthUs;
  }

  #advance(nowUs: number, sharers: number, processors: number): void {
    this.#virtualUs += (nowUs - this.#virtualAtUs) * Math.min(1, processors / sharers);
    this.#virtualAtUs = nowUs;
  }

  #plan(nowUs: number, sharers: number, processors: number): void {
    const missingUs = this.#sharing.nextKey - this.#virtualUs;
    // Records have whole microseconds: an end is never before its work is done.
    this.nextEndUs = nowUs + Math.ceil(Math.max(0, missingUs) / Math.min(1, processors / sharers));
  }
}
