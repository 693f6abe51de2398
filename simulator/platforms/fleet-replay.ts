/**
 * One replay on a fleet of instances: arrivals, the router's queue, runs and ends; fleet-size.ts says how many there are.
 * Every platform whose instances serve several requests is a shape of it and a policy.
 */
import { type AdmissionState, admit } from '../../metering/policy.ts';
import { EventQueue } from '../kernel/event-queue.ts';
import { Fifo } from '../kernel/fifo.ts';
import type { RandomStream } from '../kernel/random.ts';
import type { ArrivalPiece } from '../traces/trace.ts';
import { Fleet } from './fleet.ts';
import { END, kindOf, payloadOf, SHARED_END, slotOf } from './fleet-events.ts';
import type { FleetInstance } from './fleet-instance.ts';
import type { FleetMeter } from './fleet-meter.ts';
import { FleetRecords } from './fleet-records.ts';
import type { FleetSettings } from './fleet-settings.ts';
import { FleetSize } from './fleet-size.ts';
import { FleetTakings } from './fleet-takings.ts';
import type { PlatformTotals, Replay, ReplayHead, Sink } from './platform.ts';
import type { Spot } from './spot.ts';

export class FleetReplay implements Replay {
  readonly #settings: FleetSettings;
  readonly #sink: Sink;
  readonly #records: FleetRecords;
  readonly #fleet: Fleet;
  readonly #size: FleetSize;
  readonly #meter: FleetMeter | null;
  readonly #events = new EventQueue();
  readonly #waiting = new Fifo();
  readonly #state: { -readonly [Key in keyof AdmissionState]: AdmissionState[Key] };
  readonly #isShared: boolean;
  /** null: nobody takes an instance, and nobody tries again. */
  readonly #takings: FleetTakings | null;
  #inFlight = 0;
  #nowUs: number;
  #lastUs: number;

  /** @param spot of these settings; null for machines that nobody takes. */
  constructor(
    head: ReplayHead,
    settings: FleetSettings,
    sink: Sink,
    routing: RandomStream,
    spot: Spot | null = null,
  ) {
    const { queueLimit, memoryBytes, requestsAtOnce, processors } = settings;
    const { firstUs } = head;
    this.#settings = settings;
    this.#sink = sink;
    this.#isShared = requestsAtOnce > processors;
    this.#records = new FleetRecords(head, sink, memoryBytes);
    this.#fleet = new Fleet(settings, routing, (instance) => this.#ended(instance));
    const started = (instance: FleetInstance) => this.#takings?.foretell(instance);
    this.#size = new FleetSize(settings, this.#fleet, this.#events, firstUs, started);
    const start = (nowUs: number, isKept: boolean) => this.#size.start(nowUs, isKept);
    const lose = (at: number, nowUs: number) => this.#lose(at, nowUs);
    this.#takings = spot === null ? null : new FleetTakings(spot, this.#fleet, { start, lose });
    this.#state = { running: 0, concurrencyLimit: 1, queued: 0, queueLimit };
    this.#nowUs = firstUs;
    this.#lastUs = firstUs;
    this.#meter = this.#size.periods?.meter ?? null;
    this.#size.begin();
  }

  feed(piece: ArrivalPiece, from: number, to: number): void {
    const { arrivedAtUs } = piece;
    const first = this.#records.enter(piece);
    for (let place = from; place < to; place++) {
      const nowUs = arrivedAtUs[place] as number;
      if (this.#takings === null) while (this.#events.nextKey <= nowUs) this.#event();
      else while (this.#nextUs <= nowUs) this.#next();
      this.#arrive(first + place, nowUs);
    }
    this.#records.leave();
  }

  finish(): PlatformTotals {
    const { isOnDemand } = this.#settings;
    const mayGoOn = (): boolean => isOnDemand && this.#size.periods?.isResting === false;
    while (this.#inFlight > 0 || this.#retryUs < Number.POSITIVE_INFINITY || mayGoOn()) this.#next();
    this.#nowUs = this.#lastUs;
    this.#fleet.endAll();
    return { instancesPeak: this.#fleet.peak, instancesPeakByFunction: null, ...this.#takings?.totals };
  }

  /** When the next client tries again; Infinity when none will. */
  get #retryUs(): number {
    return this.#takings?.retryUs ?? Number.POSITIVE_INFINITY;
  }

  get #nextUs(): number {
    return Math.min(this.#events.nextKey, this.#takings?.nextUs ?? Number.POSITIVE_INFINITY, this.#retryUs);
  }

  /** What is next; of what is at once first what ends, then what is taken, then who tries again. */
  #next(): void {
    const nowUs = this.#nextUs;
    if (this.#events.nextKey <= nowUs) this.#event();
    else if (this.#takings?.nextUs === nowUs) {
      this.#account(nowUs);
      if (nowUs > this.#lastUs) this.#lastUs = nowUs;
      this.#takings.next();
      this.#drainQueue(nowUs);
    } else this.#arrive((this.#takings as FleetTakings).takeRetry(), nowUs);
  }

  #arrive(at: number, nowUs: number): void {
    this.#account(nowUs);
    this.#size.wake(nowUs);
    if (nowUs > this.#lastUs) this.#lastUs = nowUs;
    this.#meter?.arrived();
    const fleet = this.#fleet;
    if (fleet.staying === 0) this.#size.start(nowUs, false);
    const state = this.#state;
    const instance = fleet.choose();
    const isFull = instance === undefined || instance.running >= this.#settings.requestsAtOnce;
    const queue = instance !== undefined && isFull ? instance.waiting : this.#waiting;
    // What a start needs is a free place on a ready instance: as if there were one place and it were taken or not.
    state.running = isFull ? 1 : 0;
    state.queued = queue.length;
    switch (admit(state)) {
      case 'start':
        this.#inFlight++;
        this.#begin(at, nowUs, instance as FleetInstance);
        return;
      case 'queue':
        this.#inFlight++;
        this.#records.hold(at);
        queue.push(at);
        return;
      case 'reject':
        if (this.#takings?.isTriedAgain(at, nowUs) === true) this.#records.hold(at);
        else this.#records.refused(at);
    }
  }

  #begin(at: number, nowUs: number, instance: FleetInstance): void {
    const record = this.#records.load(at);
    const waitUs = nowUs - record.arrivedAtUs;
    this.#fleet.begin(instance, nowUs, record.cpuUs);
    this.#meter?.began(waitUs);
    const isCold = this.#settings.isOnDemand && record.arrivedAtUs < instance.readyAtUs;
    const startupUs = isCold ? instance.readyAtUs - Math.max(record.arrivedAtUs, instance.startedAtUs) : 0;
    if (this.#isShared) {
      this.#records.began(at, nowUs, startupUs);
      instance.share(at, record.runUs, nowUs, this.#settings.processors);
      this.#push(instance.nextEndUs, instance, SHARED_END);
      return;
    }
    const endUs = nowUs + record.runUs;
    if (endUs > instance.takenAtUs) {
      this.#records.began(at, nowUs, startupUs);
      instance.doomed.push(at);
      return;
    }
    this.#push(endUs, instance, END);
    this.#records.served(at, record, waitUs, startupUs);
    this.#takings?.settled(at);
    this.#meter?.ended(waitUs + record.runUs);
    if (endUs > this.#lastUs) this.#lastUs = endUs;
  }

  #event(): void {
    const nowUs = this.#events.nextKey;
    const payload = this.#events.pop();
    this.#account(nowUs);
    const instance = this.#fleet.at(slotOf(payload));
    switch (kindOf(payload)) {
      case END:
        this.#end(instance as FleetInstance, nowUs);
        break;
      case SHARED_END:
        // Any later arrival or end moves the next end; events that were planned before are stale.
        if (instance?.nextEndUs === nowUs) this.#endShared(instance, nowUs);
        break;
      default:
        this.#size.event(kindOf(payload), instance, nowUs, this.#inFlight);
    }
    this.#drainQueue(nowUs);
  }

  #end(instance: FleetInstance, nowUs: number): void {
    this.#inFlight--;
    this.#fleet.finish(instance, nowUs);
    this.#drainOwnQueue(instance, nowUs);
  }

  #endShared(instance: FleetInstance, nowUs: number): void {
    const { processors } = this.#settings;
    for (
      let at = instance.takeEnded(nowUs, processors);
      at >= 0;
      at = instance.takeEnded(nowUs, processors)
    ) {
      this.#inFlight--;
      this.#fleet.finish(instance, nowUs);
      const latencyUs = this.#records.ended(at, nowUs);
      this.#takings?.settled(at);
      this.#meter?.ended(latencyUs);
    }
    if (nowUs > this.#lastUs) this.#lastUs = nowUs;
    if (instance.running > 0) this.#push(instance.nextEndUs, instance, SHARED_END);
    this.#drainOwnQueue(instance, nowUs);
  }

  /** The next of the requests that wait for this very instance. */
  #drainOwnQueue(instance: FleetInstance, nowUs: number): void {
    const { waiting } = instance;
    while (waiting.length > 0 && instance.running < this.#settings.requestsAtOnce) {
      this.#begin(waiting.shift(), nowUs, instance);
    }
    this.#fleet.endIfDrained(instance);
  }

  /** The next of those that wait for any instance. */
  #drainQueue(nowUs: number): void {
    const waiting = this.#waiting;
    while (waiting.length > 0) {
      const instance = this.#fleet.choose();
      if (instance === undefined) return;
      if (instance.running < this.#settings.requestsAtOnce) this.#begin(waiting.shift(), nowUs, instance);
      else instance.waiting.push(waiting.shift());
    }
  }

  /** Its machine was taken: the client tries again, or it has failed. */
  #lose(at: number, nowUs: number): void {
    this.#inFlight--;
    if (this.#takings?.isTriedAgain(at, nowUs) === true) this.#records.forget(at);
    else this.#records.lost(at, nowUs);
  }

  #account(nowUs: number): void {
    this.#nowUs = nowUs;
    if (this.#meter === null) return;
    const { warmedUp, busyProcessors } = this.#fleet;
    this.#meter.account(nowUs, this.#inFlight, busyProcessors, warmedUp * this.#settings.processors);
  }

  #push(atUs: number, instance: FleetInstance, kind: number): void {
    this.#events.push(atUs, payloadOf(instance.slot, kind));
  }

  #ended(instance: FleetInstance): void {
    const nowUs = this.#nowUs;
    const work = instance.work(nowUs, null);
    const isFree = this.#takings?.isFree(instance, nowUs) === true;
    this.#sink.instance(instance.startedAtUs, nowUs, isFree ? { ...work, isFree } : work);
  }
}
