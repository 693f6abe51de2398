/**
 * A compiled component and host functions become one instance. The other half of the seam to plan.ts: nothing
 * outside these two files knows how a component is linked.
 */
import { Script } from 'node:vm';
import { type Guard, guardedImports } from './guard-module.ts';
import type { LimitCells } from './limit-cells.ts';
import type { CompiledComponent } from './module-cache.ts';

/** Host interfaces by their name without version, as the linking code asks for them. */
export type HostFunctions = Readonly<Record<string, object>>;

/** One fresh instance. */
export interface GuestInstance {
  /** Calls the wasi:http handler; throws when the guest traps. */
  handle(request: object, responseOut: object): void;
  /** The size of all its linear memories now, which is their largest, since memories never shrink. */
  memoryBytes(): number;
}

type Imports = WebAssembly.Imports;
type Instantiate = (
  getCoreModule: (name: string) => WebAssembly.Module,
  imports: HostFunctions,
  instantiateCore: (module: WebAssembly.Module, imports?: Imports) => WebAssembly.Instance,
) => Readonly<Record<string, { handle(request: object, responseOut: object): void }>>;

/** A component that is ready to be instantiated in this thread. */
export class LinkedComponent {
  readonly #modules: Readonly<Record<string, WebAssembly.Module>>;
  readonly #guards = new Map<WebAssembly.Module, Guard>();
  readonly #cells: LimitCells;
  readonly #instantiate: Instantiate;
  readonly #handlerExport: string;

  /** @param cells through which its instances are limited. */
  constructor({ plan, script, modules, guards }: CompiledComponent, cells: LimitCells) {
    this.#modules = modules;
    this.#cells = cells;
    for (const [name, guard] of Object.entries(guards))
      this.#guards.set(modules[name] as WebAssembly.Module, guard);
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

  /** Makes an instance with everything in it new. */
  instantiate(host: HostFunctions): GuestInstance {
    const memories = new Set<WebAssembly.Memory>();
    const instantiateCore = (module: WebAssembly.Module, imports?: Imports) => {
      const guard = this.#guards.get(module);
      const all = guard ? guardedImports(imports, guard, this.#cells) : imports;
      const instance = new WebAssembly.Instance(module, all);
      for (const exported of Object.values(instance.exports)) {
        if (exported instanceof WebAssembly.Memory) memories.add(exported);
      }
      return instance;
    };
    const exports = this.#instantiate(
      (name) => this.#modules[name] as WebAssembly.Module,
      host,
      instantiateCore,
    );
    const handler = exports[this.#handlerExport];
    return {
      handle: (request, responseOut) => handler?.handle(request, responseOut),
      memoryBytes: () => [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
    };
  }
}
