/**
 * Replays a direct plan: the same imports for every instance of a component, made once, with one mutable place behind
 * them that holds whose turn it is. Instances that live at the same time never share that place.
 */

import type { GuestCalls } from '../wasi/core/guest-calls.ts';
import type { HandleTable } from '../wasi/core/handle-table.ts';
import type { CurrentContext, StartableContext } from '../wasi/current-context.ts';
import { outlivesRequest } from '../wasi/standing.ts';
import { DirectImports, type ImportObject, type Instantiation } from './direct-imports.ts';
import type { LinkStep, StepExport } from './direct-plan.ts';
import { type Guard, guardedImports } from './guard-module.ts';
import { InstanceMemories } from './instance-memories.ts';
import { PAGE_BYTES } from './instrument/growth-guards.ts';
import type { LimitCells } from './limit-cells.ts';
import type { LinkInput, LinkSurroundings } from './link.ts';
import { MemoryBudget, pagesIn } from './memory-budget.ts';
import type { DirectLinkPlan } from './plan.ts';
import { RENEW_EXPORT } from './renewable-module.ts';
import type { Resting } from './resting.ts';

/** Handles that an instance may keep between two requests: what is behind them lives in the host's memory. */
const KEPT_HANDLES_MAX = 100;

type Fill = Extract<LinkStep, { kind: 'fill' }>;

/** Everything that instances of one component have in common, for one of them at a time. */
export class DirectBinding implements Resting {
  /** Those that it holds while it rests. */
  bytes = 0;
  readonly #plan: DirectLinkPlan;
  readonly #cells: LimitCells;
  readonly #imports: DirectImports;
  readonly #calls: GuestCalls;
  readonly #handles: HandleTable;
  readonly #context: CurrentContext;
  /** Of each step that makes an instance; there are some when the instances are. */
  #renewals: (() => void)[] = [];
  #handler: ((request: number, responseOut: number) => unknown) | undefined;
  #suspendable: ((request: number, responseOut: number) => Promise<unknown>) | undefined;
  #instances: (WebAssembly.Instance | undefined)[] = [];
  /** The table that the host fills, of an instance that outlives the others where it is renewable. */
  readonly #outliving: Fill | undefined;
  #isFilled = false;
  readonly #onLetGo: (binding: DirectBinding) => void;
  readonly #budget: MemoryBudget;
  readonly #pagesLimit: number;
  readonly #memories: InstanceMemories;
  /** What the guest saw of its memories when somebody last asked. */
  #bytesUsed = 0;

  constructor(
    plan: DirectLinkPlan,
    input: LinkInput,
    { pool, cells }: LinkSurroundings,
    onLetGo: (binding: DirectBinding) => void,
  ) {
    this.#onLetGo = onLetGo;
    this.#plan = plan;
    this.#outliving = plan.steps.find((step) => step.kind === 'fill');
    this.#memories = new InstanceMemories(pool);
    this.#cells = cells;
    this.#budget = new MemoryBudget(cells, input.memoryBytesMax);
    this.#pagesLimit = pagesIn(input.memoryBytesMax);
    this.#imports = new DirectImports(plan, input, cells);
    this.#calls = this.#imports.calls;
    this.#handles = this.#imports.handles;
    this.#context = this.#imports.context;
  }

  /** Makes the instances of one execution, or those that it was cleared with as new. */
  start(context: StartableContext): void {
    this.#context.begin(context);
    this.#calls.reset(context.port);
    this.#inside(() => {
      this.#budget.begin(this.#memories.sparePages);
      for (const [index, step] of this.#imports.steps.entries()) {
        if (step.kind === 'instantiate') this.#provide(step, index);
        else if (step.kind === 'call') this.#exported(step.target)();
        else if (step.kind === 'fill') this.#fill(step);
      }
      this.#budget.ready();
    });
  }

  /** Runs what enters the guest, and throws the fault that the guest may have swallowed. */
  #inside<T>(run: () => T): T {
    this.#calls.enter();
    try {
      const value = run();
      this.#calls.rethrow();
      return value;
    } finally {
      this.#calls.leave();
    }
  }

  #provide(step: Instantiation, index: number): void {
    this.#budget.take(step.sizes);
    const renew = this.#renewals[index];
    if (!renew) {
      this.#instances[index] = this.#instantiate(step, index);
      return;
    }
    renew();
    if (index === this.#outliving?.table.step && !this.#isFilled) this.#handOver(step, index);
  }

  #handOver({ after }: Instantiation, index: number): void {
    const { exports } = this.#instances[index] as WebAssembly.Instance;
    for (const handOver of after) handOver(exports);
  }

  #fill({ table, slots, then }: Fill): void {
    if (!this.#isFilled) {
      const exported = this.#instances[table.step]?.exports[table.name] as WebAssembly.Table;
      for (const source of slots) exported.set(source.slot, this.#exported(source));
      this.#isFilled = true;
    }
    if (then) this.#exported(then)();
  }

  #instantiate(step: Instantiation, index: number): WebAssembly.Instance {
    const { module, imports, memory, guard, before, after } = step;
    if (memory) {
      const taken = this.#memories.take(memory);
      for (const handOver of before) handOver(taken);
    }
    const instance = new WebAssembly.Instance(
      module,
      guard?.memories.length ? this.#withMemories(imports, guard) : imports,
    );
    if (this.#plan.isRenewable) {
      const renew = instance.exports[RENEW_EXPORT] as () => void;
      renew();
      this.#renewals[index] = renew;
    }
    for (const handOver of after) handOver(instance.exports);
    return instance;
  }

  #withMemories(own: ImportObject, guard: Guard): WebAssembly.Imports {
    const { imports, memories } = guardedImports(
      own as WebAssembly.Imports,
      guard,
      this.#cells,
      this.#pagesLimit,
    );
    this.#memories.add(memories);
    return imports;
  }

  #exported({ step, name }: StepExport): (...args: number[]) => unknown {
    return this.#instances[step]?.exports[name] as (...args: number[]) => unknown;
  }

  handle(request: object, responseOut: object): void | Promise<void> {
    const requestHandle = this.#handles.add('incoming-request', request);
    const outHandle = this.#handles.add('response-outparam', responseOut);
    if (this.#imports.canWait && this.#context.current?.news.canSuspend) {
      return this.#handleSuspendably(requestHandle, outHandle);
    }
    this.#handler ??= this.#exported(this.#plan.handler);
    const handler = this.#handler;
    this.#inside(() => handler(requestHandle, outHandle));
    this.#afterHandler();
  }

  async #handleSuspendably(requestHandle: number, outHandle: number): Promise<void> {
    this.#suspendable ??= WebAssembly.promising(this.#exported(this.#plan.handler));
    this.#calls.canSuspend = true;
    this.#calls.enter();
    try {
      const returned = this.#suspendable(requestHandle, outHandle);
      // Either it has returned or it is suspended, after which it enters again by itself.
      this.#calls.leave();
      await returned;
    } finally {
      this.#calls.canSuspend = false;
      this.#calls.leave();
    }
    this.#calls.rethrow();
    this.#afterHandler();
  }

  #afterHandler(): void {
    const { postReturn } = this.#plan;
    if (postReturn) this.#inside(this.#exported(postReturn));
    this.#budget.pause();
  }

  rest(): boolean {
    const handles = this.#handles.keepOnly(outlivesRequest);
    this.#calls.reset();
    this.#context.end();
    return this.#budget.hasRoom && handles <= KEPT_HANDLES_MAX;
  }

  resume(context: StartableContext): void {
    this.#context.begin(context);
    this.#calls.reset(context.port);
    this.#budget.resume();
  }

  memoryBytes(): number {
    const own = new Set<WebAssembly.Memory>();
    for (const [index, step] of this.#imports.steps.entries()) {
      if (step.kind !== 'instantiate' || step.memoryNames.length === 0) continue;
      const exports = this.#instances[index]?.exports;
      for (const name of step.memoryNames) if (exports) own.add(exports[name] as WebAssembly.Memory);
    }
    this.#bytesUsed = this.#memories.bytesWith(own) - this.#budget.sparePages * PAGE_BYTES;
    return this.#bytesUsed;
  }

  /**
   * Leaves the instances with memories of zeros, so that `start` can make them as new.
   * @returns the bytes that they hold; undefined where they have to be released.
   */
  clear(): number | undefined {
    const bytes = this.#plan.isRenewable ? this.#memories.clear(this.#bytesUsed) : undefined;
    if (bytes === undefined) return undefined;
    this.#handles.clear();
    this.#context.end();
    return bytes;
  }

  letGo(): void {
    this.#onLetGo(this);
  }

  release(): void {
    this.#imports.forget();
    this.#memories.release();
    this.#forgetInstances();
    this.#handler = undefined;
    this.#suspendable = undefined;
    this.#handles.clear();
    this.#context.end();
  }

  /** All but a forwarder that can be used again: it has no state beside its table, which is emptied. */
  #forgetInstances(): void {
    const index = this.#outliving?.table.step ?? -1;
    const renew = this.#renewals[index];
    const instance = this.#instances[index];
    this.#instances = [];
    this.#renewals = [];
    this.#isFilled = false;
    if (!this.#outliving || !renew || !instance) return;
    const { table, slots } = this.#outliving;
    const exported = instance.exports[table.name] as WebAssembly.Table;
    for (const { slot } of slots) exported.set(slot, null);
    this.#instances[index] = instance;
    this.#renewals[index] = renew;
  }
}
