/**
 * The dynos of a platform as a service: each boots, takes requests up to its limit, and drains before it ends. It
 * keeps their states and lives; when to start or stop one is for the autoscaler to say.
 */

type DynoState = 'booting' | 'ready' | 'draining';

interface Dyno {
  readonly id: number;
  readonly startedAtUs: number;
  state: DynoState;
  running: number;
}

export class Dynos {
  readonly #requestsAtOnce: number;
  readonly #ended: (startedAtUs: number, endedAtUs: number) => void;
  /** Those that exist, in the order of their start. */
  readonly #alive = new Map<number, Dyno>();
  #created = 0;
  #peak = 0;
  #freePlaces = 0;

  constructor(requestsAtOnce: number, ended: (startedAtUs: number, endedAtUs: number) => void) {
    this.#requestsAtOnce = requestsAtOnce;
    this.#ended = ended;
  }

  get peak(): number {
    return this.#peak;
  }

  /** Requests that ready dynos could take now. */
  get freePlaces(): number {
    return this.#freePlaces;
  }

  /** Dynos that are there to stay: booting or ready. */
  get staying(): number {
    let count = 0;
    for (const dyno of this.#alive.values()) if (dyno.state !== 'draining') count++;
    return count;
  }

  start(nowUs: number, state: 'booting' | 'ready'): number {
    const id = this.#created++;
    this.#alive.set(id, { id, startedAtUs: nowUs, state, running: 0 });
    if (state === 'ready') this.#freePlaces += this.#requestsAtOnce;
    this.#peak = Math.max(this.#peak, this.#alive.size);
    return id;
  }

  /** A boot is over; one that was stopped meanwhile stays stopped. */
  booted(id: number): void {
    const dyno = this.#alive.get(id);
    if (dyno?.state !== 'booting') return;
    dyno.state = 'ready';
    this.#freePlaces += this.#requestsAtOnce;
  }

  /** Gives a request to the ready dyno with the fewest, the oldest of equals; there must be a free place. */
  occupy(): number {
    let least: Dyno | undefined;
    for (const dyno of this.#alive.values()) {
      if (dyno.state === 'ready' && (least === undefined || dyno.running < least.running)) least = dyno;
      if (least?.running === 0) break;
    }
    if (least === undefined) throw new Error('no ready dyno has a free place');
    least.running++;
    this.#freePlaces--;
    return least.id;
  }

  release(id: number, nowUs: number): void {
    const dyno = this.#alive.get(id);
    if (dyno === undefined) throw new Error(`dyno ${id} ended before its request`);
    dyno.running--;
    if (dyno.state === 'ready') this.#freePlaces++;
    else if (dyno.running === 0) this.#end(dyno, nowUs);
  }

  /** Takes the newest dyno out of service; its running requests may end. */
  stopNewest(nowUs: number): void {
    const newest = [...this.#alive.values()].findLast((dyno) => dyno.state !== 'draining');
    if (newest === undefined) return;
    if (newest.state === 'ready') this.#freePlaces -= this.#requestsAtOnce - newest.running;
    newest.state = 'draining';
    if (newest.running === 0) this.#end(newest, nowUs);
  }

  endAll(nowUs: number): void {
    for (const dyno of [...this.#alive.values()]) this.#end(dyno, nowUs);
  }

  #end(dyno: Dyno, nowUs: number): void {
    this.#alive.delete(dyno.id);
    this.#ended(dyno.startedAtUs, nowUs);
  }
}
