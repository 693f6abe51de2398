/** One worker thread as the pool sees it: what it has loaded, which executions are on it, and how it ends. */
import { Worker } from 'node:worker_threads';
import { LimitCells, ROOM, type StopReason } from '../component/limit-cells.ts';
import type { CompiledComponent } from '../component/module-cache.ts';
import { Roster } from '../roster.ts';
import { siblingModule } from '../sibling-module.ts';
import type { Execution } from './execution.ts';
import type { SharedArea } from './shared-area.ts';
import { SLOT_STATE, USED } from './shared-slot.ts';
import { ThreadBell } from './thread-bell.ts';
import type { FromWorker, ToWorker, WorkerStart } from './worker-messages.ts';

export interface ThreadEvents {
  readonly onReady: (thread: GuestThread) => void;
  /** There is news in the shared area. */
  readonly onNews: () => void;
  /** It has ended by itself; nothing on it will go on. */
  readonly onGone: (thread: GuestThread, reason: string) => void;
}

/** How many of a thread's executions are in each state. */
export interface ThreadLoad {
  queued: number;
  running: number;
  parked: number;
  blocked: number;
}

/**
 * What was made last in its heap, garbage mostly. Half of what the engine allows, to which a thread would grow slowly,
 * over hundreds of thousands of requests.
 */
const YOUNG_MB = 24;

/** How long a thread has to say what it has used: many times what it takes one that is only kept from its processor. */
const ANSWER_MS = 50;
const soon = (): Promise<undefined> =>
  new Promise((resolve) => setTimeout(() => resolve(undefined), ANSWER_MS).unref());

export class GuestThread {
  /** Executions that were given to it and have not ended, oldest first. */
  readonly executions = new Roster<Execution>();
  /** By `performance.now()`; meaningful while nothing is on it. */
  idleSinceMs = 0;
  /** Whether something that was queued on it had to be taken back, and it has ended nothing since. */
  isStuck = false;
  /** Whether what is on it is a rehearsal, in which case it is still starting to everybody else. */
  isRehearsing = false;
  /** Leases of which it was seen to keep an instance; the instance may be gone. */
  readonly #leases = new Set<number>();
  readonly #worker: Worker;
  readonly #bell = new ThreadBell();
  readonly #cells = new LimitCells();
  readonly #loaded = new Set<number>();
  readonly #unloading = new Set<number>();
  #state: 'starting' | 'ready' | 'gone' = 'starting';
  #wasReady = false;

  constructor(area: SharedArea, events: ThreadEvents) {
    const { memory: bell } = this.#bell;
    const workerData: WorkerStart = { area: area.memory, bell, limits: this.#cells.memory };
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    this.#worker = new Worker(siblingModule(import.meta.url, 'worker'), { workerData, resourceLimits });
    this.#worker.on('message', ({ type }: FromWorker) => {
      if (type === 'news') {
        events.onNews();
        return;
      }
      if (this.#state !== 'starting') return;
      this.#state = 'ready';
      this.#wasReady = true;
      this.idleSinceMs = performance.now();
      events.onReady(this);
    });
    const ended = (reason: string) => {
      if (this.#state === 'gone') return;
      this.#state = 'gone';
      events.onGone(this, reason);
    };
    this.#worker.on('error', (error) => ended(`the worker failed: ${String(error)}`));
    this.#worker.on('exit', () => ended('the worker ended'));
  }

  get isStarting(): boolean {
    return this.#state === 'starting' || this.isRehearsing;
  }

  get isReady(): boolean {
    return this.#state === 'ready' && !this.isRehearsing;
  }

  /** False for a thread that ended before it could take its first request. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** Looked up where the worker keeps it, so that it is true now. */
  get load(): ThreadLoad {
    const load: ThreadLoad = { queued: 0, running: 0, parked: 0, blocked: 0 };
    if (this.isRehearsing) return load;
    for (const { slot, isOutboundPending } of this.executions) {
      switch (slot.state) {
        case SLOT_STATE.queued:
          load.queued++;
          break;
        case SLOT_STATE.parked:
          load.parked++;
          break;
        case SLOT_STATE.blocked:
          load.blocked++;
          break;
        case SLOT_STATE.running:
          // One that has asked others is about to wait for them, as far as can be seen.
          if (isOutboundPending) load.blocked++;
          else load.running++;
          break;
        default:
          // It has ended, which is still to be heard of here.
          break;
      }
    }
    return load;
  }

  /** Gives it a component that it has not got yet. */
  learn(component: CompiledComponent, id: number): void {
    this.#unloading.delete(id);
    if (this.#loaded.has(id)) return;
    this.#loaded.add(id);
    this.#post({ type: 'load', id, component });
  }

  /** Lets a component go once nothing on it needs it; the thread's own collector frees it. */
  unload(id: number): void {
    if (!this.#loaded.has(id)) return;
    this.#unloading.add(id);
    this.#unloadUnused();
  }

  /** Whether an instance of this lease may wait there. */
  isWarmFor(lease: number): boolean {
    return this.#leases.has(lease);
  }

  /** Lets the instances of a lease go. */
  retire(lease: number): void {
    if (this.#leases.delete(lease)) this.#post({ type: 'retire', lease });
  }

  /** An execution on it has ended, or was taken back. */
  remove(execution: Execution): void {
    this.executions.delete(execution);
    if (execution.slot.isKept) this.#leases.add(execution.order.lease);
    if (this.executions.size === 0) this.idleSinceMs = performance.now();
    if (this.#unloading.size > 0) this.#unloadUnused();
  }

  #unloadUnused(): void {
    for (const id of this.#unloading) {
      if ([...this.executions].some(({ order }) => order.component === id)) continue;
      this.#unloading.delete(id);
      this.#loaded.delete(id);
      this.#post({ type: 'unload', id });
    }
  }

  /** Gives it an execution whose first frames are written. */
  push(execution: Execution): void {
    this.executions.add(execution);
    execution.thread = this;
    if (this.#bell.push(execution.slot.queue())) this.#post({ type: 'wake' });
  }

  /** There is something new for one of its executions. */
  ring(): void {
    if (this.#bell.ring()) this.#post({ type: 'wake' });
  }

  /** Makes an execution trap at its next check, or in its wait. */
  stop({ slot }: Execution, reason: StopReason, number: number): void {
    slot.stopReason = number;
    this.#cells.stop(slot.index, reason);
    this.ring();
  }

  /**
   * Processor time that one of its executions has used by now, in microseconds. A thread that cannot even be asked, as
   * the engine cannot in a row of long instructions, is taken to have computed ever since it was given its turn.
   */
  async cpuUsOf({ slot }: Execution): Promise<number> {
    const { used } = slot;
    const sliceUs = used[USED.sliceCpuUs] as number;
    const beforeUs = used[USED.cpuUs] as number;
    if (!this.#cells.isIn(slot.index) || sliceUs < 0) return beforeUs;
    const asked = await Promise.race([this.#worker.cpuUsage(), soon()]);
    if (asked) return beforeUs + Math.max(0, asked.user + asked.system - sliceUs);
    if (!this.#cells.isIn(slot.index) || slot.state !== SLOT_STATE.running) return beforeUs;
    return beforeUs + (performance.now() - (used[USED.sliceAtMs] as number)) * 1_000;
  }

  /** What is left of the fuel of one of its executions by now. */
  fuelLeftOf({ slot }: Execution): bigint {
    return this.#cells.isIn(slot.index) ? this.#cells.fuelLeft : (slot.room[ROOM.fuel] as bigint);
  }

  /** Ends the thread, and with it all that is on it. */
  async terminate(): Promise<void> {
    this.#state = 'gone';
    await this.#worker.terminate();
  }

  #post(message: ToWorker): void {
    if (this.#state !== 'gone') this.#worker.postMessage(message);
  }
}
