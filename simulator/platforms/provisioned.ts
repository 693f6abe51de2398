/**
 * Provisioned concurrency: instances that are ready from a time of the schedule to the next, whether used or not. They
 * take requests first; what finds them all busy goes to instances on demand.
 */
import { EventQueue } from '../kernel/event-queue.ts';
import type { Sink } from './platform.ts';

/** From so long after the first arrival on, each function has so many. */
export interface ProvisionedStep {
  readonly fromUs: number;
  readonly instances: number;
}

interface ProvisionedInstance {
  readonly startedAtUs: number;
  readonly busySpansUs: number[];
  busyUs: number;
  cpuUs: number;
  requests: number;
  memoryBytes: number;
}

/** Reads `10` or `0:10,3600:2` (seconds: instances); null when the text is something else. */
export function parseSchedule(text: string): ProvisionedStep[] | null {
  if (/^\d{1,6}$/.test(text)) return [{ fromUs: 0, instances: Number(text) }];
  const steps: ProvisionedStep[] = [];
  for (const part of text.split(',')) {
    const match = /^(\d{1,9}):(\d{1,6})$/.exec(part.trim());
    if (match === null) return null;
    steps.push({ fromUs: Number(match[1]) * 1_000_000, instances: Number(match[2]) });
  }
  const isSorted = steps.every(({ fromUs }, at) => at === 0 || fromUs > (steps[at - 1]?.fromUs ?? 0));
  return isSorted ? steps : null;
}

export class Provisioned {
  readonly #schedule: readonly ProvisionedStep[];
  readonly #firstUs: number;
  readonly #sink: Sink;
  readonly #changed: (pool: number, change: 1 | -1) => void;
  readonly #memoryBytes: (pool: number) => number;
  /** Of each function: its instances by the time at which they are free. */
  readonly #freeAt: EventQueue[];
  readonly #alive: (ProvisionedInstance | undefined)[][];
  #nextStep = 0;

  /** @param changed hears of each instance more or fewer. @param memoryBytes of a function's instances. */
  constructor(
    schedule: readonly ProvisionedStep[],
    functions: number,
    firstUs: number,
    sink: Sink,
    changed: (pool: number, change: 1 | -1) => void,
    memoryBytes: (pool: number) => number,
  ) {
    this.#schedule = schedule;
    this.#firstUs = firstUs;
    this.#sink = sink;
    this.#changed = changed;
    this.#memoryBytes = memoryBytes;
    this.#freeAt = Array.from({ length: functions }, () => new EventQueue());
    this.#alive = Array.from({ length: functions }, () => []);
  }

  /** When the schedule changes next; Infinity when it does not. */
  get nextStepUs(): number {
    const step = this.#schedule[this.#nextStep];
    return step === undefined ? Number.POSITIVE_INFINITY : this.#firstUs + step.fromUs;
  }

  /** Does the next step of the schedule, which is due. */
  step(): void {
    const atUs = this.nextStepUs;
    const instances = this.#schedule[this.#nextStep++]?.instances ?? 0;
    for (const [pool, queue] of this.#freeAt.entries()) {
      while (queue.length < instances) this.#add(pool, queue, atUs);
      while (queue.length > instances) this.#remove(pool, queue, atUs);
    }
  }

  /** Runs a request at once; false when no provisioned instance of the function is free. */
  run(pool: number, nowUs: number, runUs: number, cpuUs: number): boolean {
    const queue = this.#freeAt[pool] as EventQueue;
    if (queue.nextKey > nowUs) return false;
    const index = queue.pop();
    const instance = this.#alive[pool]?.[index] as ProvisionedInstance;
    instance.busySpansUs.push(runUs);
    instance.busyUs += runUs;
    instance.cpuUs += cpuUs;
    instance.requests++;
    queue.push(nowUs + runUs, index);
    return true;
  }

  /** They stay until the last request of all has ended. */
  finish(lastUs: number): void {
    for (const [pool, queue] of this.#freeAt.entries()) {
      while (queue.length > 0) this.#remove(pool, queue, lastUs);
    }
  }

  #add(pool: number, queue: EventQueue, nowUs: number): void {
    const index = this.#alive[pool]?.push({
      startedAtUs: nowUs,
      busySpansUs: [],
      busyUs: 0,
      cpuUs: 0,
      requests: 0,
      memoryBytes: this.#memoryBytes(pool),
    });
    queue.push(nowUs, (index ?? 1) - 1);
    this.#changed(pool, 1);
  }

  /** The one that is free first; a run that is under way ends well. */
  #remove(pool: number, queue: EventQueue, nowUs: number): void {
    const endedAtUs = Math.max(nowUs, queue.nextKey);
    const index = queue.pop();
    const instance = this.#alive[pool]?.[index] as ProvisionedInstance;
    (this.#alive[pool] as (ProvisionedInstance | undefined)[])[index] = undefined;
    this.#changed(pool, -1);
    const keptUs = endedAtUs - instance.startedAtUs - instance.busyUs;
    this.#sink.instance(instance.startedAtUs, endedAtUs, { ...instance, keptUs, isProvisioned: true });
  }
}
