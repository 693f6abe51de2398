/**
 * The instances of functions: which are busy, which are idle in which function's pool, and which are gone. It
 * knows when instances end, but no request and no record.
 */
import { isExpired } from '../../metering/policy.ts';
import { EventQueue } from '../kernel/event-queue.ts';
import { LinkedOrder } from '../kernel/linked-order.ts';
import { IdlePools, type Pick } from './idle-pools.ts';

/** Decides how long instances are kept that a fixed time does not decide about. */
export interface Retention {
  /** How long an instance that became idle now stays: 0 not at all, Infinity until it must give way. */
  keepAliveUs(id: number, pool: number, nowUs: number): number;
}

/** Hears each instance's life when it is over. */
export type LifeEnded = (startedAtUs: number, endedAtUs: number, id: number, pool: number) => void;

const CAPACITY_MIN = 1024;
const VARIES = -1;

/**
 * An instance's id is free for another one when it has ended, so there are as many as ever live at once, and memory does
 * not grow with the trace. Pools are numbered as the functions are.
 */
export class Instances {
  /** The same for all, or VARIES. */
  readonly #keepAliveUs: number;
  readonly #retention: Retention | null;
  readonly #ended: LifeEnded;
  readonly #busy = new EventQueue(CAPACITY_MIN);
  readonly #pools: IdlePools;
  readonly #aliveByPool: Int32Array;
  readonly #peakByPool: Int32Array;
  /** Ids in the order in which they became idle; where the keep-alive is the same for all, the first ends first. */
  readonly #idle = new LinkedOrder();
  /** Where it varies: ids by the end of their keep-alive. */
  readonly #expiries = new EventQueue();
  #ids = 0;
  readonly #freeIds: number[] = [];
  #alive = 0;
  #peak = 0;
  #startedAtUs = new Float64Array(CAPACITY_MIN);
  #freeAtUs = new Float64Array(CAPACITY_MIN);
  #poolOf = new Int32Array(CAPACITY_MIN);
  #idleUntilUs = new Float64Array(CAPACITY_MIN);

  /** @param keepAlive microseconds, or who decides. */
  constructor(pools: number, keepAlive: number | Retention, pick: Pick, ended: LifeEnded) {
    this.#keepAliveUs = typeof keepAlive === 'number' ? keepAlive : VARIES;
    this.#retention = typeof keepAlive === 'number' ? null : keepAlive;
    this.#ended = ended;
    this.#pools = new IdlePools(pools, pick);
    this.#aliveByPool = new Int32Array(pools);
    this.#peakByPool = new Int32Array(pools);
  }

  /** Alive now: busy, or idle within the keep-alive time. */
  get alive(): number {
    return this.#alive;
  }

  get peak(): number {
    return this.#peak;
  }

  get peakByPool(): readonly number[] {
    return [...this.#peakByPool];
  }

  aliveIn(pool: number): number {
    return this.#aliveByPool[pool] as number;
  }

  isIdle(id: number): boolean {
    return this.#idle.has(id);
  }

  /** When the next busy instance becomes free; Infinity when none is busy. */
  get nextReleaseUs(): number {
    return this.#busy.nextKey;
  }

  /** Lets everything happen that happens until now; work that ends now leaves its instance idle now. */
  advance(nowUs: number): void {
    const busy = this.#busy;
    while (busy.nextKey <= nowUs && busy.length > 0) this.#release(busy.pop());
    if (this.#retention !== null) {
      this.#expire(nowUs);
      return;
    }
    for (let id = this.#idle.first; id >= 0; id = this.#idle.first) {
      const freeAtUs = this.#freeAtUs[id] as number;
      if (!isExpired(freeAtUs, nowUs, this.#keepAliveUs)) return;
      this.#end(id, freeAtUs + this.#keepAliveUs);
    }
  }

  /** Takes an idle instance out of the pool, the one that the pick says; below 0 when there is none. */
  takeIdle(pool: number): number {
    const id = this.#pools.take(pool);
    if (id >= 0) this.#idle.remove(id);
    return id;
  }

  /** Gives up the instance that has been idle longest, whosever it is; false when all are busy. */
  giveUpIdle(nowUs: number): boolean {
    const id = this.#idle.first;
    if (id < 0) return false;
    this.#end(id, nowUs);
    return true;
  }

  /** Gives up this idle instance. */
  giveUp(id: number, nowUs: number): void {
    this.#end(id, nowUs);
  }

  /** Ends all idle instances that nothing would end: those that stay until they must give way. */
  finish(nowUs: number): void {
    this.advance(Number.POSITIVE_INFINITY);
    while (this.giveUpIdle(nowUs));
  }

  /** Counts instances that are alive beside these, such as provisioned ones: 1 more or 1 fewer. */
  countOther(pool: number, change: 1 | -1): void {
    this.#alive += change;
    this.#aliveByPool[pool] = (this.#aliveByPool[pool] as number) + change;
    this.#notePeaks(pool);
  }

  /** An instance that was started for no request. */
  createIdle(pool: number, nowUs: number): void {
    const id = this.create(pool, nowUs);
    this.#freeAtUs[id] = nowUs;
    this.#release(id);
  }

  create(pool: number, nowUs: number): number {
    const id = this.#freeIds.pop() ?? this.#ids++;
    if (id === this.#startedAtUs.length) this.#grow();
    this.#startedAtUs[id] = nowUs;
    this.#poolOf[id] = pool;
    if (this.#keepAliveUs !== 0) this.#pools.created(pool, id);
    this.#alive++;
    this.#aliveByPool[pool] = (this.#aliveByPool[pool] as number) + 1;
    this.#notePeaks(pool);
    return id;
  }

  occupy(id: number, untilUs: number): void {
    this.#freeAtUs[id] = untilUs;
    this.#busy.push(untilUs, id);
  }

  #release(id: number): void {
    const freeAtUs = this.#freeAtUs[id] as number;
    const pool = this.#poolOf[id] as number;
    const keepAliveUs = this.#retention?.keepAliveUs(id, pool, freeAtUs) ?? this.#keepAliveUs;
    if (keepAliveUs === 0) {
      this.#end(id, freeAtUs);
      return;
    }
    if (this.#retention !== null) {
      this.#idleUntilUs[id] = freeAtUs + keepAliveUs;
      if (keepAliveUs !== Number.POSITIVE_INFINITY) this.#expiries.push(freeAtUs + keepAliveUs, id);
    }
    this.#idle.add(id);
    this.#pools.add(pool, id);
  }

  /** Entries of instances that were used since, or are gone, are stale: they no longer end then. */
  #expire(nowUs: number): void {
    const expiries = this.#expiries;
    while (expiries.nextKey < nowUs) {
      const untilUs = expiries.nextKey;
      const id = expiries.pop();
      if (this.isIdle(id) && this.#idleUntilUs[id] === untilUs) this.#end(id, untilUs);
    }
  }

  #end(id: number, atUs: number): void {
    const pool = this.#poolOf[id] as number;
    // One that is not kept at all ends without having been idle.
    if (this.#idle.has(id)) {
      this.#idle.remove(id);
      this.#pools.remove(pool, id);
    }
    if (this.#keepAliveUs !== 0) this.#pools.ended(pool, id);
    this.#alive--;
    this.#aliveByPool[pool] = (this.#aliveByPool[pool] as number) - 1;
    this.#ended(this.#startedAtUs[id] as number, atUs, id, pool);
    this.#freeIds.push(id);
  }

  #notePeaks(pool: number): void {
    const inPool = this.#aliveByPool[pool] as number;
    if (inPool > (this.#peakByPool[pool] as number)) this.#peakByPool[pool] = inPool;
    if (this.#alive > this.#peak) this.#peak = this.#alive;
  }

  #grow(): void {
    const room = this.#startedAtUs.length * 2;
    const times = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const larger = new Float64Array(room);
      larger.set(old);
      return larger;
    };
    this.#startedAtUs = times(this.#startedAtUs);
    this.#freeAtUs = times(this.#freeAtUs);
    this.#idleUntilUs = times(this.#idleUntilUs);
    const poolOf = new Int32Array(room);
    poolOf.set(this.#poolOf);
    this.#poolOf = poolOf;
  }
}
