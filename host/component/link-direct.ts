/**
 * Replays a direct plan: the same imports for every instance of a component, made once, with one mutable place behind
 * them that holds whose turn it is. Instances that live at the same time never share that place.
 */

import type { GuestCalls } from '../wasi/core/guest-calls.ts';
import type { HandleTable } from '../wasi/core/handle-table.ts';
import type { CurrentContext, StartableContext } from '../wasi/current-context.ts';
import { outlivesRequest } from '../wasi/standing.ts';
import { DirectImports, type ImportObject, type Instantiation } from './direct-imports.ts';
import type { StepExport } from './direct-plan.ts';
import { type Guard, guardedImports } from './guard-module.ts';
import type { MemoryType } from './import-memory.ts';
import type { LimitCells } from './limit-cells.ts';
import type { GuestInstance, LinkedComponent, LinkInput, LinkSurroundings } from './link.ts';
import { MemoryBudget, pagesIn } from './memory-budget.ts';
import type { MemoryPool } from './memory-pool.ts';
import type { DirectLinkPlan } from './plan.ts';

/** Handles that an instance may keep between two requests: what is behind them lives in the host's memory. */
const KEPT_HANDLES_MAX = 100;

/** Everything that instances of one component have in common, for one of them at a time. */
class Binding {
  readonly #plan: DirectLinkPlan;
  readonly #pool: MemoryPool;
  readonly #cells: LimitCells;
  readonly #imports: DirectImports;
  readonly #calls: GuestCalls;
  readonly #handles: HandleTable;
  readonly #context: CurrentContext;
  #instances: (WebAssembly.Instance | undefined)[] = [];
  readonly #budget: MemoryBudget;
  readonly #pagesLimit: number;
  /** Memories that were made for this execution alone. */
  #made: WebAssembly.Memory[] = [];
  #pooled: { readonly memory: WebAssembly.Memory; readonly type: MemoryType }[] = [];

  constructor(plan: DirectLinkPlan, input: LinkInput, { pool, cells }: LinkSurroundings) {
    this.#plan = plan;
    this.#pool = pool;
    this.#cells = cells;
    this.#budget = new MemoryBudget(cells, input.memoryBytesMax);
    this.#pagesLimit = pagesIn(input.memoryBytesMax);
    this.#imports = new DirectImports(plan, input, cells);
    this.#calls = this.#imports.calls;
    this.#handles = this.#imports.handles;
    this.#context = this.#imports.context;
  }

  /** Makes the instances of one execution. */
  start(context: StartableContext): void {
    this.#context.begin(context);
    this.#calls.reset(context.port);
    this.#inside(() => {
      this.#budget.begin();
      for (const [index, step] of this.#imports.steps.entries()) {
        if (step.kind === 'instantiate') this.#instances[index] = this.#instantiate(step);
        else if (step.kind === 'call') this.#exported(step.target)();
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

  #instantiate(step: Instantiation): WebAssembly.Instance {
    const { module, imports, memory, guard, before, after } = step;
    this.#budget.take(step.sizes);
    if (memory) {
      const taken = this.#pool.take(memory);
      this.#pooled.push({ memory: taken, type: memory });
      for (const handOver of before) handOver(taken);
    }
    const instance = new WebAssembly.Instance(
      module,
      guard?.memories.length ? this.#withMemories(imports, guard) : imports,
    );
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
    this.#made.push(...memories);
    return imports;
  }

  #exported({ step, name }: StepExport): (...args: number[]) => unknown {
    return this.#instances[step]?.exports[name] as (...args: number[]) => unknown;
  }

  handle(request: object, responseOut: object): void | Promise<void> {
    const handler = this.#exported(this.#plan.handler);
    const requestHandle = this.#handles.add('incoming-request', request);
    const outHandle = this.#handles.add('response-outparam', responseOut);
    if (this.#imports.canWait && this.#context.current?.news.canSuspend) {
      return this.#handleSuspendably(() => WebAssembly.promising(handler)(requestHandle, outHandle));
    }
    this.#inside(() => handler(requestHandle, outHandle));
    this.#afterHandler();
  }

  async #handleSuspendably(call: () => Promise<unknown>): Promise<void> {
    this.#calls.canSuspend = true;
    this.#calls.enter();
    try {
      const returned = call();
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
    let bytes = 0;
    for (const { memory } of this.#pooled) bytes += memory.buffer.byteLength;
    for (const memory of this.#made) bytes += memory.buffer.byteLength;
    const others = new Set<WebAssembly.Memory>();
    for (const [index, step] of this.#imports.steps.entries()) {
      if (step.kind !== 'instantiate' || step.memoryNames.length === 0) continue;
      const exports = this.#instances[index]?.exports;
      for (const name of step.memoryNames) if (exports) others.add(exports[name] as WebAssembly.Memory);
    }
    for (const memory of others) if (!this.#isCounted(memory)) bytes += memory.buffer.byteLength;
    return bytes;
  }

  #isCounted(memory: WebAssembly.Memory): boolean {
    return this.#made.includes(memory) || this.#pooled.some((pooled) => pooled.memory === memory);
  }

  release(): void {
    this.#imports.forget();
    for (const { memory, type } of this.#pooled) this.#pool.give(memory, type);
    this.#pooled = [];
    this.#made = [];
    this.#instances = [];
    this.#handles.clear();
    this.#context.end();
  }
}

export class DirectComponent implements LinkedComponent {
  readonly #bind: () => Binding;
  readonly #idle: Binding[] = [];

  constructor(plan: DirectLinkPlan, input: LinkInput, surroundings: LinkSurroundings) {
    this.#bind = () => new Binding(plan, input, surroundings);
  }

  instantiate(context: StartableContext): GuestInstance {
    const binding = this.#idle.pop() ?? this.#bind();
    let isReleased = false;
    const release = () => {
      // Twice in the list of idle ones, a binding would serve two instances at once.
      if (isReleased) return;
      isReleased = true;
      binding.release();
      this.#idle.push(binding);
    };
    try {
      binding.start(context);
    } catch (thrown) {
      release();
      throw thrown;
    }
    return {
      handle: (request, responseOut) => binding.handle(request, responseOut),
      memoryBytes: () => binding.memoryBytes(),
      rest: () => binding.rest(),
      resume: (next) => binding.resume(next),
      release,
    };
  }
}
