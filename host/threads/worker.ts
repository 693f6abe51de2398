/**
 * Worker thread that runs guests, each in an instance of its own. Its loop takes what is in the inbox, wakes the
 * executions that wait here when there is news for them, and never runs two at the same moment.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { BufferStock } from '../buffer-stock.ts';
import { LimitCells } from '../component/limit-cells.ts';
import { type LinkedComponent, linkComponent } from '../component/link.ts';
import { MemoryPool } from '../component/memory-pool.ts';
import { Roster } from '../roster.ts';
import type { News } from '../wasi/execution-port.ts';
import { IdleInstances } from './idle-instances.ts';
import { SharedArea } from './shared-area.ts';
import { type PortThread, SharedPort } from './shared-port.ts';
import { type SharedSlot, SLOT_STATE, USED } from './shared-slot.ts';
import { ThreadBell } from './thread-bell.ts';
import { type KeptInstance, WorkerExecution } from './worker-execution.ts';
import type { FromWorker, ToWorker, WorkerStart } from './worker-messages.ts';

/** The execution was stopped while it waited. */
class WaitStopped extends Error {}

const checkStopped = ({ slot }: SharedPort): void => {
  if (slot.stopReason !== 0) throw new WaitStopped('the guest was stopped while it waited');
};

const cpuNowUs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return user + system;
};

/** An execution that waits while its thread does other work. */
interface Parked {
  readonly port: SharedPort;
  readonly untilMs: number;
  readonly resume: () => void;
}

/** How long a thread without work sleeps before it lets its event loop turn and waits there. */
const SHORT_SLEEP_MS = 20;
/** Instances that wait for another request in one thread, and their memories together: it should hold little at rest. */
const IDLE_INSTANCES_MAX = 32;
const IDLE_BYTES_MAX = 128 * 1_048_576;
/** Times that a guest went on after which the event loop turns: what the collector has found is let go only there. */
const LOOP_TURNS = 64;

class GuestThread {
  readonly #area: SharedArea;
  readonly #bell: ThreadBell;
  readonly #cells: LimitCells;
  readonly #pool = new MemoryPool();
  readonly #components = new Map<number, LinkedComponent>();
  readonly #idle = new IdleInstances<KeptInstance>({
    countMax: IDLE_INSTANCES_MAX,
    memoryBytesMax: IDLE_BYTES_MAX,
    nowMs: () => performance.now(),
  });
  readonly #parked = new Roster<Parked>();
  readonly #portThread: PortThread;
  /** Whether an execution is under way that neither waits nor has ended. */
  #isRunning = false;
  /** Whose guest was the last to be entered. */
  #turn: SharedPort | undefined;
  #turnsSinceLoop = 0;
  #resumesFirst = false;
  #wake: (() => void) | undefined;

  constructor({ area, bell, limits }: WorkerStart) {
    this.#area = new SharedArea(area);
    this.#bell = new ThreadBell(bell);
    this.#cells = new LimitCells(limits);
    const sharedBell = this.#bell;
    this.#portThread = {
      buffers: new BufferStock(),
      announce: (slot) => this.#announce(slot),
      sleep: (seen, timeoutMs) => void sharedBell.sleep(seen, timeoutMs),
      get news() {
        return sharedBell.news;
      },
      beginTurn: (port) => this.#beginTurn(port),
      endTurn: (port) => this.#endTurn(port),
    };
  }

  async serve(): Promise<never> {
    for (;;) {
      const seen = this.#bell.news;
      if (this.#goOn()) await this.#settled();
      else await this.#rest(seen);
    }
  }

  /** In turn, so that neither those that wait nor those that come are kept from the thread by the others. */
  #goOn(): boolean {
    this.#resumesFirst = !this.#resumesFirst;
    if (this.#resumesFirst) return this.#resumeNext() || this.#beginNext();
    return this.#beginNext() || this.#resumeNext();
  }

  readonly #componentOf = (id: number): LinkedComponent => {
    if (!this.#components.has(id)) this.#readMessages();
    return this.#components.get(id) as LinkedComponent;
  };

  #beginTurn(port: SharedPort): void {
    if (this.#turn === port) return;
    if (this.#turn) this.#endTurn(this.#turn);
    this.#turn = port;
    const { slot } = port;
    slot.used[USED.sliceAtMs] = performance.now();
    slot.used[USED.sliceCpuUs] = cpuNowUs();
    this.#cells.enter(slot.index, slot.room, () => slot.stopReason);
  }

  #endTurn(port: SharedPort): void {
    if (this.#turn !== port) return;
    this.#turn = undefined;
    const { used } = port.slot;
    this.#cells.leave();
    used[USED.cpuUs] = (used[USED.cpuUs] as number) + cpuNowUs() - (used[USED.sliceCpuUs] as number);
    used[USED.sliceCpuUs] = -1;
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case 'load': {
        const surroundings = { pool: this.#pool, cells: this.#cells };
        this.#components.set(message.id, linkComponent(message.component, surroundings));
        return;
      }
      case 'unload':
        this.#idle.forgetComponent(message.id);
        this.#components.get(message.id)?.close();
        this.#components.delete(message.id);
        return;
      case 'retire':
        this.#idle.forgetLease(message.lease);
        return;
      case 'wake':
        this.#wake?.();
        return;
      default:
        message satisfies never;
    }
  }

  #readMessages(): void {
    for (;;) {
      const received = parentPort && receiveMessageOnPort(parentPort);
      if (!received) return;
      this.receive(received.message as ToWorker);
    }
  }

  #announce(slot: SharedSlot): void {
    if (this.#area.announce(slot)) this.#post({ type: 'news' });
  }

  #post(message: FromWorker): void {
    parentPort?.postMessage(message);
  }

  /** Goes on with one execution that there is news for. */
  #resumeNext(): boolean {
    if (this.#parked.size === 0) return false;
    const nowMs = performance.now();
    for (const parked of this.#parked) {
      const { port, untilMs, resume } = parked;
      if (port.receive() === 0 && port.slot.stopReason === 0 && untilMs > nowMs) continue;
      this.#parked.delete(parked);
      this.#isRunning = true;
      this.#turnsSinceLoop++;
      resume();
      return true;
    }
    return false;
  }

  #beginNext(): boolean {
    for (let entry = this.#bell.take(); entry; entry = this.#bell.take()) {
      const slot = this.#area.slot(entry.index);
      // Otherwise the serving thread has taken it back.
      if (!slot.claim(entry.generation, SLOT_STATE.running)) continue;
      this.#isRunning = true;
      this.#turnsSinceLoop++;
      this.#begin(slot);
      return true;
    }
    return false;
  }

  #begin(slot: SharedSlot): void {
    const port = new SharedPort(slot, this.#portThread, (of) => this.#newsFor(of));
    const execution = new WorkerExecution(port, { componentOf: this.#componentOf, idle: this.#idle });
    const ended = () => {
      if (this.#area.announceEnd(slot)) this.#post({ type: 'news' });
      execution.release();
      this.#isRunning = false;
    };
    const running = execution.run();
    if (running) void running.then(ended);
    else ended();
  }

  /** Lets what was begun or resumed run until it waits or has ended. */
  async #settled(): Promise<void> {
    while (this.#isRunning) await undefined;
    if (this.#turnsSinceLoop >= LOOP_TURNS) await this.#turnLoop();
  }

  async #turnLoop(): Promise<void> {
    this.#turnsSinceLoop = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #rest(seen: number): Promise<void> {
    this.#idle.expire();
    let untilMs = Number.POSITIVE_INFINITY;
    for (const parked of this.#parked) untilMs = Math.min(untilMs, parked.untilMs);
    const timeoutMs = Math.max(0, Math.min(SHORT_SLEEP_MS, untilMs - performance.now()));
    if (this.#bell.sleep(seen, timeoutMs)) return;
    await this.#turnLoop();
    this.#readMessages();
    if (untilMs < Number.POSITIVE_INFINITY) return;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const idleMs = this.#idle.nextExpiryMs - performance.now();
    // Only a timer can tell, since nothing else runs here.
    const timer =
      idleMs < Number.POSITIVE_INFINITY ? setTimeout(() => this.#wake?.(), idleMs + 1) : undefined;
    if (this.#bell.beginLongSleep(seen)) await woken;
    this.#bell.endLongSleep();
    clearTimeout(timer);
    this.#wake = undefined;
  }

  #newsFor(port: SharedPort): News {
    return {
      canSuspend: true,
      wait: (timeoutMs) => this.#wait(port, timeoutMs),
      next: (timeoutMs) => this.#park(port, timeoutMs),
    };
  }

  /** Blocks the whole thread. */
  #wait(port: SharedPort, timeoutMs: number): void {
    const { slot } = port;
    const sinceMs = performance.now();
    const untilMs = sinceMs + timeoutMs;
    slot.become(SLOT_STATE.blocked);
    port.beginWait();
    this.#announce(slot);
    for (;;) {
      const seen = this.#bell.news;
      checkStopped(port);
      const leftMs = untilMs - performance.now();
      if (port.receive() > 0 || leftMs <= 0) break;
      this.#bell.sleep(seen, leftMs);
    }
    slot.used[USED.sliceAtMs] = (slot.used[USED.sliceAtMs] as number) + performance.now() - sinceMs;
    slot.become(SLOT_STATE.running);
  }

  async #park(port: SharedPort, timeoutMs: number): Promise<void> {
    const { slot } = port;
    checkStopped(port);
    if (port.receive() > 0) {
      port.beginWait();
      return;
    }
    this.#endTurn(port);
    // Before anybody hears of what it waits for: whoever is asked may need this thread.
    slot.become(SLOT_STATE.parked);
    port.beginWait();
    this.#announce(slot);
    await new Promise<void>((resume) => {
      this.#parked.add({ port, untilMs: performance.now() + timeoutMs, resume });
      this.#isRunning = false;
    });
    slot.become(SLOT_STATE.running);
    checkStopped(port);
  }
}

const thread = new GuestThread(workerData as WorkerStart);
parentPort?.on('message', (message: ToWorker) => thread.receive(message));
parentPort?.postMessage({ type: 'ready' } satisfies FromWorker);
void thread.serve();
