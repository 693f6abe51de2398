/**
 * A fleet of equal instances: starting, choosing one for a request, stopping and the end of each life. It counts
 * what metrics need; when to start or stop one is for its owner to say.
 */
import type { RandomStream } from '../kernel/random.ts';
import { SlotTree } from '../kernel/slot-tree.ts';
import { FleetInstance } from './fleet-instance.ts';

/** How the router picks among ready instances. */
export const ROUTINGS = ['least-loaded', 'random'] as const;
export type Routing = (typeof ROUTINGS)[number];

/** Which instance goes first: always the newest, or an idle one before a busy one. */
export type StopOrder = 'newest' | 'least-loaded';

export interface FleetShape {
  /** Requests that one instance serves at once; may be Infinity. */
  readonly requestsAtOnce: number;
  /** Processors of one instance; as many as requests at once when each has its own. */
  readonly processors: number;
  readonly routing: Routing;
  readonly stopOrder: StopOrder;
  /** Never stops an instance that is serving. */
  readonly protectsBusy: boolean;
  /** Whether a boot counts as work, as it does where start-up is billed. */
  readonly bootIsBusy: boolean;
}

/** Keys of the router: fewest requests first, the oldest of equals. Ids stay below 2^32, requests below 2^20. */
const ID_SPAN = 2 ** 32;
const OUT = Number.POSITIVE_INFINITY;

export class Fleet {
  readonly #shape: FleetShape;
  readonly #random: RandomStream;
  readonly #ended: (instance: FleetInstance) => void;
  readonly #bySlot: (FleetInstance | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #open = new SlotTree();
  /** Ready ones, for drawing one at random; the order is of no meaning but the same in every run. */
  readonly #ready: FleetInstance[] = [];
  #created = 0;
  #alive = 0;
  #peak = 0;
  #staying = 0;
  /** Of warmed-up instances. */
  #busyProcessors = 0;
  #warmedUp = 0;

  constructor(shape: FleetShape, random: RandomStream, ended: (instance: FleetInstance) => void) {
    this.#shape = shape;
    this.#random = random;
    this.#ended = ended;
  }

  get peak(): number {
    return this.#peak;
  }

  get alive(): number {
    return this.#alive;
  }

  get ready(): number {
    return this.#ready.length;
  }

  /** Booting or ready: not on its way out. */
  get staying(): number {
    return this.#staying;
  }

  get warmedUp(): number {
    return this.#warmedUp;
  }

  get busyProcessors(): number {
    return this.#busyProcessors;
  }

  at(slot: number): FleetInstance | undefined {
    return this.#bySlot[slot];
  }

  /** @param isKept one of the minimum. */
  start(nowUs: number, readyAtUs: number, isKept: boolean): FleetInstance {
    const slot = this.#freeSlots.pop() ?? this.#bySlot.length;
    const { bootIsBusy } = this.#shape;
    const id = this.#created++;
    const instance = new FleetInstance({ id, slot, startedAtUs: nowUs, readyAtUs, isKept, bootIsBusy });
    this.#bySlot[slot] = instance;
    this.#staying++;
    if (++this.#alive > this.#peak) this.#peak = this.#alive;
    return instance;
  }

  /** A boot is over; one that was stopped meanwhile stays stopped. */
  becomeReady(instance: FleetInstance): void {
    if (instance.state !== 'booting') return;
    instance.state = 'ready';
    this.#ready.push(instance);
    this.#rank(instance);
  }

  /** From now on its load counts in the metrics. */
  becomeWarm(instance: FleetInstance): void {
    if (instance.state !== 'ready' || instance.isWarmedUp) return;
    instance.isWarmedUp = true;
    this.#warmedUp++;
    this.#busyProcessors += Math.min(instance.running, this.#shape.processors);
  }

  /** The instance for the next request; undefined when the router must keep it. It may be full if routed at random. */
  choose(): FleetInstance | undefined {
    if (this.#shape.routing === 'random') {
      const { length } = this.#ready;
      return length === 0 ? undefined : this.#ready[Math.floor(this.#random.uniform() * length)];
    }
    const slot = this.#open.first;
    return slot < 0 ? undefined : this.#bySlot[slot];
  }

  get hasRoom(): boolean {
    return this.#open.first >= 0;
  }

  /** A request begins to run. */
  begin(instance: FleetInstance, nowUs: number, cpuUs: number): void {
    instance.begin(nowUs, cpuUs);
    if (instance.isWarmedUp) this.#busyProcessors += this.#shareOf(instance.running);
    this.#rank(instance);
  }

  /** A request has ended; a draining instance ends with its last one. */
  finish(instance: FleetInstance, nowUs: number): void {
    if (instance.isWarmedUp) this.#busyProcessors -= this.#shareOf(instance.running);
    instance.finish(nowUs);
    if (instance.state === 'ready') this.#rank(instance);
  }

  /** Ends a draining instance once it is empty. */
  endIfDrained(instance: FleetInstance): void {
    if (instance.state === 'draining' && instance.running === 0 && instance.waiting.length === 0) {
      this.#end(instance);
    }
  }

  /** Takes one instance out of service, never one of the minimum; false when none may go. */
  stopOne(): boolean {
    const instance = this.#goesFirst();
    if (instance === undefined) return false;
    this.#close(instance);
    instance.state = 'draining';
    this.#staying--;
    this.endIfDrained(instance);
    return true;
  }

  /** Its end is announced: it takes no more requests. It stays in the count until it is given up. */
  notice(instance: FleetInstance): void {
    this.#close(instance);
    instance.state = 'noticed';
  }

  /** From now on it is not among those that are there to stay: another one takes its place. */
  giveUp(): void {
    this.#staying--;
  }

  /** Its provider takes it: whatever runs on it is lost. Gives the lost requests. */
  take(instance: FleetInstance, nowUs: number): number[] {
    const lost = instance.loseAll(nowUs);
    this.#end(instance);
    return lost;
  }

  endAll(): void {
    for (const instance of this.#bySlot) if (instance !== undefined) this.#end(instance);
  }

  /** Takes an instance out of the router and out of the metrics. */
  #close(instance: FleetInstance): void {
    if (instance.state === 'ready') {
      this.#open.set(instance.slot, OUT);
      this.#ready.splice(this.#ready.indexOf(instance), 1);
    }
    if (!instance.isWarmedUp) return;
    this.#warmedUp--;
    this.#busyProcessors -= Math.min(instance.running, this.#shape.processors);
    instance.isWarmedUp = false;
  }

  #goesFirst(): FleetInstance | undefined {
    const { stopOrder, protectsBusy } = this.#shape;
    let first: FleetInstance | undefined;
    for (const instance of this.#bySlot) {
      if (instance === undefined || instance.isKept) continue;
      if (instance.state === 'draining' || instance.state === 'noticed') continue;
      if (protectsBusy && instance.running + instance.waiting.length > 0) continue;
      if (first === undefined || this.#goesBefore(instance, first, stopOrder)) first = instance;
    }
    return first;
  }

  #goesBefore(a: FleetInstance, b: FleetInstance, order: StopOrder): boolean {
    if (order === 'least-loaded' && a.running !== b.running) return a.running < b.running;
    return a.id > b.id;
  }

  /** Processors that the last of so many requests puts to work: one, none, or the fraction that is left. */
  #shareOf(running: number): number {
    const { processors } = this.#shape;
    return Math.min(running, processors) - Math.min(running - 1, processors);
  }

  #rank(instance: FleetInstance): void {
    if (this.#shape.routing === 'random') return;
    const { running, id, slot } = instance;
    this.#open.set(slot, running < this.#shape.requestsAtOnce ? running * ID_SPAN + id : OUT);
  }

  #end(instance: FleetInstance): void {
    this.#bySlot[instance.slot] = undefined;
    this.#freeSlots.push(instance.slot);
    this.#alive--;
    this.#ended(instance);
  }
}
