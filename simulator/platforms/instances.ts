/**
 * The instances of functions: which are busy, which are idle in which function's pool, and which are gone. It
 * knows when instances end and which idle one is picked, but no request and no record.
 */
import { isExpired } from '../../metering/policy.ts';
import { EventQueue } from '../kernel/event-queue.ts';
import { Fifo } from '../kernel/fifo.ts';

/**
 * Which idle instance takes the next request: `newest` the one that was created last, `oldest` the one that was
 * created first, `lru` the one that has been idle longest.
 */
export const PICKS = ['newest', 'oldest', 'lru'] as const;
export type Pick = (typeof PICKS)[number];

const NOT_IDLE = -1;
const CAPACITY_MIN = 1024;

/** Instances have ids in the order of their creation; pools are numbered as the functions are. */
export class Instances {
  readonly #keepAliveUs: number;
  readonly #pick: Pick;
  readonly #ended: (startedAtUs: number, endedAtUs: number) => void;
  readonly #busy = new EventQueue(CAPACITY_MIN);
  readonly #pools: (EventQueue | undefined)[];
  readonly #aliveByPool: Int32Array;
  readonly #peakByPool: Int32Array;
  /** Ids in the order in which they became idle; the keep-alive is the same for all, so the first ends first. */
  readonly #idle = new Fifo();
  #idleShifted = 0;
  #created = 0;
  #alive = 0;
  #peak = 0;
  #startedAtUs = new Float64Array(CAPACITY_MIN);
  #freeAtUs = new Float64Array(CAPACITY_MIN);
  #poolOf = new Int32Array(CAPACITY_MIN);
  /** Which entry of the idle queue is an instance's own; older entries of it are stale. */
  #idleEntry = new Float64Array(CAPACITY_MIN);

  /** @param ended hears each instance's life when it is over. */
  constructor(
    pools: number,
    keepAliveUs: number,
    pick: Pick,
    ended: (startedAtUs: number, endedAtUs: number) => void,
  ) {
    this.#keepAliveUs = keepAliveUs;
    this.#pick = pick;
    this.#ended = ended;
    this.#pools = new Array(pools);
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

  /** Lets everything happen that happens until now; work that ends now leaves its instance idle now. */
  advance(nowUs: number): void {
    const busy = this.#busy;
    while (busy.length > 0 && busy.nextKey <= nowUs) this.#release(busy.pop());
    for (let id = this.#longestIdle(); id >= 0; id = this.#longestIdle()) {
      const freeAtUs = this.#freeAtUs[id] as number;
      if (!isExpired(freeAtUs, nowUs, this.#keepAliveUs)) return;
      this.#end(id, freeAtUs + this.#keepAliveUs);
    }
  }

  /** Takes an idle instance out of the pool, the one that the pick says; below 0 when there is none. */
  takeIdle(pool: number): number {
    const heap = this.#pools[pool];
    while (heap !== undefined && heap.length > 0) {
      const id = heap.pop();
      if (this.#idleEntry[id] === NOT_IDLE) continue;
      this.#idleEntry[id] = NOT_IDLE;
      return id;
    }
    return -1;
  }

  /** Gives up the instance that has been idle longest, whosever it is; false when all are busy. */
  giveUpIdle(nowUs: number): boolean {
    const id = this.#longestIdle();
    if (id < 0) return false;
    this.#end(id, nowUs);
    return true;
  }

  create(pool: number, nowUs: number): number {
    const id = this.#created++;
    if (id === this.#startedAtUs.length) this.#grow();
    this.#startedAtUs[id] = nowUs;
    this.#poolOf[id] = pool;
    this.#idleEntry[id] = NOT_IDLE;
    this.#alive++;
    const inPool = (this.#aliveByPool[pool] as number) + 1;
    this.#aliveByPool[pool] = inPool;
    if (inPool > (this.#peakByPool[pool] as number)) this.#peakByPool[pool] = inPool;
    if (this.#alive > this.#peak) this.#peak = this.#alive;
    return id;
  }

  occupy(id: number, untilUs: number): void {
    this.#freeAtUs[id] = untilUs;
    this.#busy.push(untilUs, id);
  }

  #release(id: number): void {
    const freeAtUs = this.#freeAtUs[id] as number;
    if (this.#keepAliveUs === 0) {
      this.#end(id, freeAtUs);
      return;
    }
    const entry = this.#idleShifted + this.#idle.length;
    this.#idleEntry[id] = entry;
    this.#idle.push(id);
    const pool = this.#poolOf[id] as number;
    let heap = this.#pools[pool];
    if (heap === undefined) {
      heap = new EventQueue();
      this.#pools[pool] = heap;
    }
    heap.push(this.#pick === 'newest' ? -id : this.#pick === 'oldest' ? id : entry, id);
  }

  #longestIdle(): number {
    while (this.#idle.length > 0) {
      const id = this.#idle.first;
      if (this.#idleEntry[id] === this.#idleShifted) return id;
      this.#idle.shift();
      this.#idleShifted++;
    }
    return -1;
  }

  #end(id: number, atUs: number): void {
    this.#idleEntry[id] = NOT_IDLE;
    this.#alive--;
    const pool = this.#poolOf[id] as number;
    this.#aliveByPool[pool] = (this.#aliveByPool[pool] as number) - 1;
    this.#ended(this.#startedAtUs[id] as number, atUs);
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
    this.#idleEntry = times(this.#idleEntry);
    const poolOf = new Int32Array(room);
    poolOf.set(this.#poolOf);
    this.#poolOf = poolOf;
  }
}
