/**
 * The announcements and takings of a fleet's spot machines, in order of time: a machine whose end is announced gets no
 * more requests, one that is taken loses what runs on it, and a new one starts in its place. Clients may try again.
 */
import { EventQueue } from '../kernel/event-queue.ts';
import type { Fleet } from './fleet.ts';
import type { FleetInstance } from './fleet-instance.ts';
import type { PlatformTotals } from './platform.ts';
import type { Spot } from './spot.ts';

/** What a taking asks of the replay. */
export interface TakingEffects {
  start(nowUs: number, isKept: boolean): void;
  /** The request's machine is gone. */
  lose(at: number, nowUs: number): void;
}

// Kinds of events, in the lowest bit of a payload; the slot of a machine is above it.
const NOTICE = 0;
const TAKE = 1;

export class FleetTakings {
  readonly #spot: Spot;
  readonly #fleet: Fleet;
  readonly #effects: TakingEffects;
  readonly #events = new EventQueue();

  constructor(spot: Spot, fleet: Fleet, effects: TakingEffects) {
    this.#spot = spot;
    this.#fleet = fleet;
    this.#effects = effects;
  }

  /** When the next one is due; Infinity when none is. What ends at that very moment ends before it. */
  get nextUs(): number {
    return this.#events.nextKey;
  }

  /** A machine has been started: says when it will be taken. */
  foretell(instance: FleetInstance): void {
    const takenAtUs = this.#spot.takenAtUs(instance.startedAtUs);
    if (takenAtUs === Number.POSITIVE_INFINITY) return;
    instance.takenAtUs = takenAtUs;
    instance.noticeAtUs = this.#spot.noticeAtUs(instance.startedAtUs, takenAtUs);
    this.#events.push(instance.noticeAtUs, (instance.slot << 1) | NOTICE);
    this.#events.push(takenAtUs, (instance.slot << 1) | TAKE);
  }

  /** When the next client tries again; Infinity when none will. */
  get retryUs(): number {
    return this.#spot.retries.nextUs;
  }

  /** Which request that is. */
  takeRetry(): number {
    return this.#spot.retries.take();
  }

  /** An attempt was refused or lost; whether its client will try again. */
  isTriedAgain(at: number, nowUs: number): boolean {
    if (this.#spot.retries.refused(at, nowUs)) return true;
    this.settled(at);
    return false;
  }

  /** It was served, or nobody tries it again. */
  settled(at: number): void {
    this.#spot.retries.settled(at);
  }

  /** Whether nothing is billed for a machine that ends now. */
  isFree(instance: FleetInstance, nowUs: number): boolean {
    return instance.takenAtUs === nowUs && this.#spot.isFree(nowUs - instance.startedAtUs);
  }

  get totals(): Pick<PlatformTotals, 'throttled' | 'retried' | 'interruptions' | 'lost'> {
    const { interruptions, lost, retries } = this.#spot;
    // Clients count every attempt that came to nothing; those that were lost had not been refused.
    return { throttled: retries.throttled - lost, retried: retries.retried, interruptions, lost };
  }

  /** Does the one that is due. */
  next(): void {
    const nowUs = this.#events.nextKey;
    const payload = this.#events.pop();
    const instance = this.#fleet.at(payload >> 1);
    // A slot is used again; an event of its former machine finds the new one not due.
    if (instance === undefined) return;
    const isTaking = (payload & 1) === TAKE;
    if (!isTaking && instance.noticeAtUs === nowUs) this.#notice(instance, nowUs);
    if (isTaking && instance.takenAtUs === nowUs) this.#take(instance, nowUs);
  }

  #notice(instance: FleetInstance, nowUs: number): void {
    // One that was stopped already is on its way out and needs no successor.
    if (instance.state === 'draining' || instance.state === 'noticed') return;
    this.#fleet.notice(instance);
    if (this.#spot.replacesAtNotice) this.#replace(instance, nowUs);
  }

  #take(instance: FleetInstance, nowUs: number): void {
    this.#spot.interruptions++;
    const isReplaced = instance.state === 'noticed' && !this.#spot.replacesAtNotice;
    for (const at of this.#fleet.take(instance, nowUs)) {
      this.#spot.lost++;
      this.#effects.lose(at, nowUs);
    }
    if (isReplaced) this.#replace(instance, nowUs);
  }

  #replace(instance: FleetInstance, nowUs: number): void {
    this.#fleet.giveUp();
    this.#effects.start(nowUs, instance.isKept);
  }
}
