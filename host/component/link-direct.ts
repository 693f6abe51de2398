/**
 * Replays a direct plan: the same imports for every instance of a component, made once, with one mutable place behind
 * them that holds whose turn it is. Instances that live at the same time never share that place.
 */

import type { AbiSide } from '../wasi/core/abi-rules.ts';
import { GuestCalls } from '../wasi/core/guest-calls.ts';
import { GuestMemory, type Realloc } from '../wasi/core/guest-memory.ts';
import { HandleTable } from '../wasi/core/handle-table.ts';
import { coreFunction, coreParams, dropFunction } from '../wasi/core/host-function.ts';
import { BLOCKING_FUNCTIONS, hostCall, NEVER, signatureOf, vainCall } from '../wasi/core/interfaces.ts';
import { STRING_CODECS } from '../wasi/core/strings.ts';
import { CurrentContext, type StartableContext } from '../wasi/current-context.ts';
import { hostFunctions } from '../wasi/imports.ts';
import { outlivesRequest } from '../wasi/standing.ts';
import type { LinkStep, Source, StepExport } from './direct-plan.ts';
import { type Guard, guardedImports } from './guard-module.ts';
import { MEMORY_IMPORT, type MemoryType } from './import-memory.ts';
import { PAGE_BYTES } from './instrument/guards.ts';
import { LIMITS_IMPORT, type LimitCells } from './limit-cells.ts';
import type { GuestInstance, HostFunctions, LinkedComponent, LinkInput, LinkSurroundings } from './link.ts';
import { MemoryBudget, pagesIn, type StartSizes, startSizes } from './memory-budget.ts';
import type { MemoryPool } from './memory-pool.ts';
import type { DirectLinkPlan } from './plan.ts';
import { RENEW_EXPORT } from './renewable-module.ts';
import type { Resting, RestingPlaces } from './resting.ts';
import { suspensionPoint } from './suspension-point.ts';

type ImportObject = Record<string, Record<string, unknown>>;
type HostSource = Extract<Source, { kind: 'host' }>;

/** Runs when the instance of a step is there, and passes its exports to those that wait for them. */
type Handover = (exports: WebAssembly.Instance['exports']) => void;

interface Instantiation {
  readonly kind: 'instantiate';
  readonly module: WebAssembly.Module;
  readonly imports: ImportObject;
  /** The memory to be imported, where the module was rewritten. */
  readonly memory: MemoryType | undefined;
  /** What it imports for guards in its code, where it has them. */
  readonly guard: Guard | undefined;
  readonly sizes: StartSizes;
  /** Exported memories of its own, where it was not rewritten at all. */
  readonly memoryNames: readonly string[];
  readonly before: ((memory: WebAssembly.Memory) => void)[];
  readonly after: Handover[];
}

type BoundStep = Instantiation | Exclude<LinkStep, { kind: 'instantiate' }>;

/** Names from a component may be anything, `__proto__` among them: such objects inherit nothing. */
const bare = <T>(): Record<string, T> => Object.create(null) as Record<string, T>;

function groupOf(imports: ImportObject, module: string): Record<string, unknown> {
  const known = imports[module];
  if (known) return known;
  const made = bare<unknown>();
  imports[module] = made;
  return made;
}

/** Handles that an instance may keep between two requests: what is behind them lives in the host's memory. */
const KEPT_HANDLES_MAX = 100;

interface Pooled {
  readonly memory: WebAssembly.Memory;
  readonly type: MemoryType;
}

/** Memories never shrink: the next guest would find more pages than it declared. */
const hasGrown = ({ memory, type }: Pooled): boolean =>
  memory.buffer.byteLength !== type.pagesInitial * PAGE_BYTES;

const keyOf = ({ step, name }: StepExport): string => `${step} ${name}`;

/** Everything that instances of one component have in common, for one of them at a time. */
class Binding implements Resting {
  /** Those that it holds while it rests. */
  bytes = 0;
  readonly #plan: DirectLinkPlan;
  readonly #pool: MemoryPool;
  readonly #cells: LimitCells;
  readonly #calls = new GuestCalls();
  readonly #handles = new HandleTable();
  readonly #context = new CurrentContext(this.#calls);
  readonly #host: HostFunctions = hostFunctions(this.#context);
  readonly #memories = new Map<string, GuestMemory>();
  readonly #steps: readonly BoundStep[];
  /** Let go of what an instance left in the import objects, which would keep its memory alive. */
  readonly #forgets: (() => void)[] = [];
  /** Of each step that makes an instance; there are some when the instances are. */
  #renewals: (() => void)[] = [];
  #handler: ((request: number, responseOut: number) => unknown) | undefined;
  #suspendable: ((request: number, responseOut: number) => Promise<unknown>) | undefined;
  #instances: (WebAssembly.Instance | undefined)[] = [];
  /** Whether the component imports anything that its guest could be suspended in. */
  #canWait = false;
  readonly #onLetGo: (binding: Binding) => void;
  readonly #budget: MemoryBudget;
  readonly #pagesLimit: number;
  /** Memories that were made for this execution alone. */
  #made: WebAssembly.Memory[] = [];
  #pooled: Pooled[] = [];

  constructor(
    plan: DirectLinkPlan,
    { modules, memories, memoryBytesMax }: LinkInput,
    { pool, cells }: LinkSurroundings,
    onLetGo: (binding: Binding) => void,
  ) {
    this.#onLetGo = onLetGo;
    this.#plan = plan;
    this.#pool = pool;
    this.#cells = cells;
    this.#budget = new MemoryBudget(cells, memoryBytesMax);
    this.#pagesLimit = pagesIn(memoryBytesMax);
    const steps = plan.steps.map((step): BoundStep => {
      if (step.kind !== 'instantiate') return step;
      const name = plan.modules[step.module] as string;
      const module = modules[name] as WebAssembly.Module;
      const memory = memories[name];
      const guard = plan.guards[name];
      const own = WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'memory');
      const memoryNames = memory || guard ? [] : own.map((entry) => entry.name);
      const imports: ImportObject = bare();
      if (guard) groupOf(imports, LIMITS_IMPORT.module)[LIMITS_IMPORT.name] = cells.memory;
      const bound = {
        module,
        imports,
        memory,
        guard,
        sizes: startSizes(memory, guard),
        memoryNames,
        before: [],
        after: [],
      };
      return { kind: 'instantiate', ...bound };
    });
    this.#steps = steps;
    for (const [index, step] of plan.steps.entries()) {
      if (step.kind === 'instantiate') this.#bindImports(steps[index] as Instantiation, step);
    }
  }

  #bindImports(bound: Instantiation, { imports }: Extract<LinkStep, { kind: 'instantiate' }>): void {
    if (bound.memory) {
      const group = groupOf(bound.imports, MEMORY_IMPORT.module);
      bound.before.push((memory) => {
        group[MEMORY_IMPORT.name] = memory;
      });
      this.#forgets.push(() => {
        group[MEMORY_IMPORT.name] = undefined;
      });
    }
    for (const { module, name, source } of imports) {
      const group = groupOf(bound.imports, module);
      if (source.kind !== 'export') group[name] = this.#function(source);
      else {
        this.#instantiation(source).after.push((exports) => {
          group[name] = exports[source.name];
        });
        this.#forgets.push(() => {
          group[name] = undefined;
        });
      }
    }
  }

  #instantiation({ step }: StepExport): Instantiation {
    const bound = this.#steps[step];
    if (bound?.kind !== 'instantiate')
      throw new Error(`the plan refers to step ${step}, which makes no instance`);
    return bound;
  }

  #function(source: Exclude<Source, { kind: 'export' }>): unknown {
    if (source.kind === 'drop') return dropFunction(source.resource, this.#handles, this.#calls);
    const text = signatureOf(source.interfaceName, source.functionName);
    if (text === undefined)
      throw new Error(`no signature for ${source.interfaceName} ${source.functionName}`);
    if (text === NEVER)
      return coreFunction('()', () => vainCall(source.functionName), this.#side(source), this.#calls);
    const call = hostCall(this.#host, source.interfaceName, source.functionName);
    const run = coreFunction(text, call, this.#side(source), this.#calls);
    if (!BLOCKING_FUNCTIONS.has(source.functionName)) return run;
    this.#canWait = true;
    return suspensionPoint(coreParams(text), run);
  }

  #side({ memory, realloc, encoding }: HostSource): AbiSide {
    return {
      memory: this.#memory(memory, realloc),
      handles: this.#handles,
      strings: STRING_CODECS[encoding],
    };
  }

  /** One view for all functions with the same memory and realloc. */
  #memory(memory: StepExport | undefined, realloc: StepExport | undefined): GuestMemory {
    const key = `${memory ? keyOf(memory) : ''}|${realloc ? keyOf(realloc) : ''}`;
    const known = this.#memories.get(key);
    if (known) return known;
    const view = new GuestMemory();
    this.#memories.set(key, view);
    if (memory) this.#attachMemory(view, memory);
    if (realloc) {
      this.#instantiation(realloc).after.push((exports) =>
        view.attachRealloc(exports[realloc.name] as Realloc),
      );
    }
    return view;
  }

  #attachMemory(view: GuestMemory, memory: StepExport): void {
    const bound = this.#instantiation(memory);
    if (bound.memory) bound.before.push((imported) => view.attach(imported));
    else bound.after.push((exports) => view.attach(exports[memory.name] as WebAssembly.Memory));
  }

  /** Makes the instances of one execution, or those that it was cleared with as new. */
  start(context: StartableContext): void {
    this.#context.begin(context);
    this.#calls.reset(context.port);
    this.#inside(() => {
      this.#budget.begin();
      for (const [index, step] of this.#steps.entries()) {
        if (step.kind === 'instantiate') this.#provide(step, index);
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

  #provide(step: Instantiation, index: number): void {
    this.#budget.take(step.sizes);
    const renew = this.#renewals[index];
    if (renew) renew();
    else this.#instances[index] = this.#instantiate(step, index);
  }

  #instantiate(step: Instantiation, index: number): WebAssembly.Instance {
    const { module, imports, memory, guard, before, after } = step;
    if (memory) {
      const taken = this.#pool.take(memory);
      this.#pooled.push({ memory: taken, type: memory });
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
    this.#made.push(...memories);
    return imports;
  }

  #exported({ step, name }: StepExport): (...args: number[]) => unknown {
    return this.#instances[step]?.exports[name] as (...args: number[]) => unknown;
  }

  handle(request: object, responseOut: object): void | Promise<void> {
    const requestHandle = this.#handles.add('incoming-request', request);
    const outHandle = this.#handles.add('response-outparam', responseOut);
    if (this.#canWait && this.#context.current?.news.canSuspend) {
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
    let bytes = 0;
    for (const { memory } of this.#pooled) bytes += memory.buffer.byteLength;
    for (const memory of this.#made) bytes += memory.buffer.byteLength;
    const others = new Set<WebAssembly.Memory>();
    for (const [index, step] of this.#steps.entries()) {
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

  /**
   * Leaves the instances with memories of zeros, so that `start` can make them as new.
   * @returns the bytes that they hold; undefined where they have to be released.
   */
  clear(): number | undefined {
    if (!this.#plan.isRenewable || this.#pooled.some(hasGrown)) return undefined;
    let bytes = 0;
    for (const { memory } of this.#pooled) {
      new Uint8Array(memory.buffer).fill(0);
      bytes += memory.buffer.byteLength;
    }
    this.#handles.clear();
    this.#context.end();
    return bytes;
  }

  letGo(): void {
    this.#onLetGo(this);
  }

  release(): void {
    for (const view of this.#memories.values()) view.detach();
    for (const forget of this.#forgets) forget();
    for (const { memory, type } of this.#pooled) this.#pool.give(memory, type);
    this.#pooled = [];
    this.#made = [];
    this.#instances = [];
    this.#renewals = [];
    this.#handler = undefined;
    this.#suspendable = undefined;
    this.#handles.clear();
    this.#context.end();
  }
}

export class DirectComponent implements LinkedComponent {
  readonly #bind: () => Binding;
  readonly #places: RestingPlaces;
  /** Without instances. */
  readonly #idle: Binding[] = [];
  /** With instances that were cleared; longest unused first. */
  #resting: Binding[] = [];
  #isClosed = false;

  constructor(plan: DirectLinkPlan, input: LinkInput, surroundings: LinkSurroundings) {
    this.#bind = () => new Binding(plan, input, surroundings, (binding) => this.#letGo(binding));
    this.#places = surroundings.pool.resting;
  }

  close(): void {
    this.#isClosed = true;
    for (const resting of this.#resting.splice(0)) this.#places.take(resting);
  }

  #take(): Binding {
    const resting = this.#resting.pop();
    if (!resting) return this.#idle.pop() ?? this.#bind();
    this.#places.take(resting);
    return resting;
  }

  #letGo(binding: Binding): void {
    this.#resting = this.#resting.filter((each) => each !== binding);
    binding.release();
    this.#idle.push(binding);
  }

  #release(binding: Binding, isSound: boolean): void {
    const bytes = isSound && !this.#isClosed ? binding.clear() : undefined;
    if (bytes === undefined) {
      binding.release();
      this.#idle.push(binding);
      return;
    }
    binding.bytes = bytes;
    this.#resting.push(binding);
    this.#places.add(binding);
  }

  instantiate(context: StartableContext): GuestInstance {
    const binding = this.#take();
    let isReleased = false;
    const release = (isSound = false) => {
      // Twice in the list of idle ones, a binding would serve two instances at once.
      if (isReleased) return;
      isReleased = true;
      this.#release(binding, isSound);
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
