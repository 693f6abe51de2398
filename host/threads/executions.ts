/**
 * The executions that are under way on threads: made of orders, given a slot and the number of their component, and
 * found again by their slot. Must not know who waits, nor which thread is chosen.
 */
import type { CompiledComponent } from '../component/module-cache.ts';
import type { NestedCalls } from '../nested-calls.ts';
import { startOutbound } from '../outbound-client.ts';
import { Execution } from './execution.ts';
import { limitMessage } from './limit-watch.ts';
import type { RunResult } from './run-events.ts';
import type { ExecutionOrder, RunOrder } from './run-order.ts';
import type { SharedSlot } from './shared-slot.ts';
import type { SlotStock } from './slot-stock.ts';
import type { GuestThread } from './thread.ts';

/** What is known of a run when it leaves the queue. */
export type Place = Pick<ExecutionOrder, 'enqueuedMs' | 'isExclusive'>;

/** Which limit was passed is known here, not in the thread. */
function described(execution: Execution, result: RunResult): RunResult {
  const { stopped } = execution;
  if (result.outcome !== 'time-limit' || !stopped) return result;
  return { ...result, error: { code: 'guest-time-limit', message: limitMessage(stopped, execution) } };
}

export class Executions {
  readonly #stock: SlotStock;
  readonly #nestedCalls: NestedCalls;
  /** By their slot. */
  readonly #running: (Execution | undefined)[] = [];
  readonly #components = new Map<string, number>();
  #lastComponent = 0;

  constructor(stock: SlotStock, nestedCalls: NestedCalls) {
    this.#stock = stock;
    this.#nestedCalls = nestedCalls;
  }

  /** Gives an order to a thread. */
  begin(
    component: CompiledComponent,
    order: RunOrder,
    { enqueuedMs, isExclusive }: Place,
    thread: GuestThread,
    onDone: (execution: Execution, result: RunResult) => void,
  ): Execution {
    const { functionName, lease, request, limits, level, events } = order;
    const slot = this.#stock.take();
    const execution: Execution = new Execution(
      slot,
      {
        functionName,
        lease,
        request,
        limits,
        level,
        events,
        compiled: component,
        component: this.#numberOf(component),
        enqueuedMs,
        hasChecks: component.plan.deadlines === 'checks',
        isExclusive,
        sendOutbound: this.#outboundOf(order),
      },
      (result) => {
        this.#running[slot.index] = undefined;
        this.#stock.giveBack(slot, execution.thread);
        onDone(execution, described(execution, result));
      },
    );
    this.#running[slot.index] = execution;
    thread.learn(component, execution.order.component);
    execution.begin();
    thread.push(execution);
    return execution;
  }

  /** Lets the execution of a slot take in its news. */
  receive(slot: SharedSlot): void {
    this.#running[slot.index]?.receive();
  }

  /** Forgets a component. @returns the number that threads know it by; undefined where none does. */
  forget(key: string): number | undefined {
    const id = this.#components.get(key);
    this.#components.delete(key);
    return id;
  }

  #numberOf({ key }: CompiledComponent): number {
    const known = this.#components.get(key);
    if (known !== undefined) return known;
    const id = ++this.#lastComponent;
    this.#components.set(key, id);
    return id;
  }

  #outboundOf({ limits, level }: RunOrder): ExecutionOrder['sendOutbound'] {
    const { timeLimitMs, responseBytesMax, outbound } = limits;
    return (head, events) =>
      startOutbound(
        head,
        {
          access: outbound,
          limits: { responseBytesMax, timeoutMs: timeLimitMs },
          onConnected: (socket) => this.#nestedCalls.begin(socket, level + 1),
        },
        events,
      );
  }
}
