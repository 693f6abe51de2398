/** Makes instances by the code that jco generated for a component. */
import { Script } from 'node:vm';
import { CurrentContext, type StartableContext } from '../wasi/current-context.ts';
import { hostFunctions } from '../wasi/imports.ts';
import { type Guard, guardedImports } from './guard-module.ts';
import type { LimitCells } from './limit-cells.ts';
import type { GuestInstance, HostFunctions, LinkedComponent, LinkInput } from './link.ts';
import { MemoryBudget, pagesIn, startSizes } from './memory-budget.ts';
import type { GeneratedPlan } from './plan.ts';

type Imports = WebAssembly.Imports;
type Instantiate = (
  getCoreModule: (name: string) => WebAssembly.Module,
  imports: HostFunctions,
  instantiateCore: (module: WebAssembly.Module, imports?: Imports) => WebAssembly.Instance,
) => Readonly<Record<string, { handle(request: object, responseOut: object): void }>>;

export class GeneratedComponent implements LinkedComponent {
  readonly #modules: Readonly<Record<string, WebAssembly.Module>>;
  readonly #guards = new Map<WebAssembly.Module, Guard>();
  readonly #cells: LimitCells;
  readonly #memoryBytesMax: number;
  readonly #instantiate: Instantiate;
  readonly #handlerExport: string;

  constructor(plan: GeneratedPlan, { script, modules, memoryBytesMax }: LinkInput, cells: LimitCells) {
    this.#modules = modules;
    this.#cells = cells;
    this.#memoryBytesMax = memoryBytesMax;
    for (const [name, guard] of Object.entries(plan.guards)) {
      this.#guards.set(modules[name] as WebAssembly.Module, guard);
    }
    this.#handlerExport = plan.exports.find((name) =>
      name.startsWith('wasi:http/incoming-handler@'),
    ) as string;
    // Evaluated as a script, not imported: an imported module could never be unloaded again.
    const source = script.replace(/^export (?=function |const )/gm, '');
    const evaluated = new Script(`(() => {${source}\nreturn instantiate;})()`, {
      filename: `${plan.version}.js`,
    });
    this.#instantiate = evaluated.runInThisContext() as Instantiate;
  }

  close(): void {}

  instantiate(context: StartableContext): GuestInstance {
    const memories = new Set<WebAssembly.Memory>();
    const budget = new MemoryBudget(this.#cells, this.#memoryBytesMax);
    budget.begin(0);
    const instantiateCore = (module: WebAssembly.Module, imports?: Imports) => {
      const guard = this.#guards.get(module);
      budget.take(startSizes(undefined, guard));
      const guarded = guard && guardedImports(imports, guard, this.#cells, pagesIn(this.#memoryBytesMax));
      for (const memory of guarded?.memories ?? []) memories.add(memory);
      const instance = new WebAssembly.Instance(module, guarded?.imports ?? imports);
      for (const exported of Object.values(instance.exports)) {
        if (exported instanceof WebAssembly.Memory) memories.add(exported);
      }
      return instance;
    };
    const { port } = context;
    const inside = <T>(run: () => T): T => {
      port.enter();
      try {
        return run();
      } finally {
        port.leave();
      }
    };
    // Between the guest and the host functions lie frames of the generated code, which cannot be suspended.
    const blocking = new CurrentContext({ canSuspend: false });
    blocking.begin(context);
    const getModule = (name: string) => this.#modules[name] as WebAssembly.Module;
    const exports = inside(() => this.#instantiate(getModule, hostFunctions(blocking), instantiateCore));
    const handler = exports[this.#handlerExport];
    return {
      handle: (request, responseOut) => inside(() => handler?.handle(request, responseOut)),
      memoryBytes: () => [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
      release: () => false,
    };
  }
}
