/**
 * Requests that wait for a thread, and how many of each function run: deeper levels first, within a level the
 * functions in turn, within a function first come, first served. Who may do what is decided in metering/policy.ts.
 */
import type { CodedError } from '../../metering/errors.ts';
import { takesTurns } from '../../metering/policy.ts';
import { Roster } from '../roster.ts';

/** One waiting request; `start` or `refuse` is called once. */
export interface Waiting<Slot> {
  readonly functionName: string;
  /** What instances of it are kept under. */
  readonly lease: number;
  readonly level: number;
  /** Whether it has to have its thread for itself. */
  readonly isExclusive: boolean;
  /** Executions of the function that may run at once on this level. */
  readonly concurrency: number;
  readonly queueTimeoutMs: number;
  /** By `performance.now()`. */
  readonly enqueuedMs: number;
  readonly start: (slot: Slot) => void;
  readonly refuse: (error: CodedError) => void;
}

/** One function on one level. Levels count apart: a function that waits for itself would wait for ever. */
interface Lane<Slot> {
  readonly functionName: string;
  /** In the order of arrival. */
  readonly waiting: Roster<Waiting<Slot>>;
  running: number;
  concurrency: number;
}

interface Level<Slot> {
  readonly lanes: Map<string, Lane<Slot>>;
  /** Those that take part in the round, the next one first. */
  readonly round: Roster<Lane<Slot>>;
  waiting: number;
}

/** Functions that are asked whether one of theirs suits: there may be thousands in a round. */
const ASKED_MAX = 16;

const NOTHING = { queued: 0, running: 0 } as const;

export class WaitingRequests<Slot> {
  readonly #levels: readonly Level<Slot>[];

  constructor(levelMax: number) {
    this.#levels = Array.from({ length: levelMax + 1 }, () => {
      return { lanes: new Map(), round: new Roster(), waiting: 0 };
    });
  }

  /** How many wait at this level or a deeper one: those that are served before a new one of this level. */
  countFrom(level: number): number {
    let count = 0;
    for (let at = level; at < this.#levels.length; at++) count += this.#at(at).waiting;
    return count;
  }

  /** How many of those could start if there were threads for them; `atMost` is enough to know. */
  startableFrom(level: number, atMost: number): number {
    let count = 0;
    for (let at = level; at < this.#levels.length; at++) {
      for (const { waiting, running, concurrency } of this.#at(at).round) {
        if (count >= atMost) return atMost;
        count += Math.min(waiting.size, concurrency - running);
      }
    }
    return Math.min(count, atMost);
  }

  /** How many of a function wait and run on a level. */
  stateOf(level: number, functionName: string): { readonly queued: number; readonly running: number } {
    const lane = this.#at(level).lanes.get(functionName);
    return lane ? { queued: lane.waiting.size, running: lane.running } : NOTHING;
  }

  /** The function that has most requests waiting on a level, how many, and the newest of them. */
  longestOf(level: number): { readonly queued: number; readonly newest: () => Waiting<Slot> } | undefined {
    let longest: Roster<Waiting<Slot>> | undefined;
    for (const { waiting } of this.#at(level).lanes.values())
      if (waiting.size > (longest?.size ?? 0)) longest = waiting;
    const found = longest;
    return found && { queued: found.size, newest: () => found.last as Waiting<Slot> };
  }

  add(waiting: Waiting<Slot>): void {
    const level = this.#at(waiting.level);
    const { functionName, concurrency } = waiting;
    const lane = level.lanes.get(functionName) ?? {
      functionName,
      waiting: new Roster<Waiting<Slot>>(),
      running: 0,
      concurrency,
    };
    level.lanes.set(functionName, lane);
    lane.concurrency = concurrency;
    lane.waiting.add(waiting);
    level.waiting++;
    this.#keepInRound(level, lane);
  }

  /** The one to serve next among the levels that may start. */
  first(mayStart: (level: number) => boolean): Waiting<Slot> | undefined {
    return this.firstOf(mayStart, () => true);
  }

  /** The same among those that suit; on a level, the functions whose turn comes soonest are asked alone. */
  firstOf(
    mayStart: (level: number) => boolean,
    suits: (waiting: Waiting<Slot>) => boolean,
  ): Waiting<Slot> | undefined {
    for (let at = this.#levels.length - 1; at >= 0; at--) {
      const { round } = this.#at(at);
      if (round.size === 0 || !mayStart(at)) continue;
      let asked = 0;
      for (const { waiting } of round) {
        if (waiting.first && suits(waiting.first)) return waiting.first;
        if (++asked === ASKED_MAX) break;
      }
    }
    return undefined;
  }

  /** From now on it runs, and its function is the last of the round. */
  begin(waiting: Waiting<Slot>): void {
    const level = this.#at(waiting.level);
    const lane = level.lanes.get(waiting.functionName);
    if (!lane?.waiting.delete(waiting)) return;
    level.waiting--;
    lane.running++;
    level.round.delete(lane);
    this.#keepInRound(level, lane);
  }

  /** What began has ended. */
  end({ level: at, functionName }: Pick<Waiting<Slot>, 'level' | 'functionName'>): void {
    const level = this.#at(at);
    const lane = level.lanes.get(functionName);
    if (!lane) return;
    lane.running--;
    this.#keepInRound(level, lane);
  }

  /** Does nothing where it no longer waits. */
  refuse(waiting: Waiting<Slot>, error: CodedError): void {
    const level = this.#at(waiting.level);
    const lane = level.lanes.get(waiting.functionName);
    if (!lane?.waiting.delete(waiting)) return;
    level.waiting--;
    this.#keepInRound(level, lane);
    waiting.refuse(error);
  }

  /** Refuses from the front of each function's queue for as long as there is an error for it. */
  refuseWhere(errorFor: (waiting: Waiting<Slot>) => CodedError | undefined): void {
    for (const { lanes } of this.#levels) {
      for (const { waiting: queue } of [...lanes.values()]) {
        for (let waiting = queue.first; waiting; waiting = queue.first) {
          const error = errorFor(waiting);
          if (!error) break;
          this.refuse(waiting, error);
        }
      }
    }
  }

  #at(level: number): Level<Slot> {
    return this.#levels[level] as Level<Slot>;
  }

  #keepInRound({ lanes, round }: Level<Slot>, lane: Lane<Slot>): void {
    const { functionName, waiting, running, concurrency } = lane;
    const takesPart = takesTurns({ queued: waiting.size, running, concurrencyLimit: concurrency });
    if (!takesPart) round.delete(lane);
    else if (!round.has(lane)) round.add(lane);
    if (waiting.size === 0 && running === 0) lanes.delete(functionName);
  }
}
