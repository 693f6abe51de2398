/**
 * A compiled component becomes instances. The other half of the seam to plan.ts: nothing outside these two knows how
 * a component is linked.
 */
import type { StartableContext } from '../wasi/current-context.ts';
import type { MemoryType } from './import-memory.ts';
import type { LimitCells } from './limit-cells.ts';
import { DirectComponent } from './link-direct.ts';
import { GeneratedComponent } from './link-generated.ts';
import type { MemoryPool } from './memory-pool.ts';
import type { LinkPlan } from './plan.ts';

/** Host interfaces by their name without version, as the linking code asks for them. */
export type HostFunctions = Readonly<Record<string, object>>;

/** One instance. */
export interface GuestInstance {
  /**
   * Calls the wasi:http handler; throws when the guest traps. A promise, which rejects for the same, where the guest
   * can be suspended while it waits.
   */
  handle(request: object, responseOut: object): void | Promise<void>;
  /**
   * The size of all its linear memories now, as the guest sees them, which is their largest, since memories never
   * shrink. To be asked before it is released.
   */
  memoryBytes(): number;
  /**
   * Ends the request that it has served well: of the host's objects the guest keeps those alone that belong to no
   * request. Absent where the linking code does not let the host take handles away.
   * @returns false when it has grown so much that it should serve no more.
   */
  rest?(): boolean;
  /** Makes it ready for another request, after which `handle` may be called again. */
  resume?(context: StartableContext): void;
  /**
   * Gives back what can be used again; to be called once, when this request is over: not before what `handle` gave is
   * settled.
   * @param isSound whether the guest returned and nothing stopped it, so that the instance may be made as new again.
   * @returns whether it will be.
   */
  release(isSound?: boolean): boolean;
}

/** A component that is ready to be instantiated in this thread. */
export interface LinkedComponent {
  /**
   * Gives an instance with everything in it as new: one that is made, or one whose memories were cleared and whose
   * start is run again, where nothing else in it can ever change. Throws when the guest traps while it starts.
   */
  instantiate(context: StartableContext): GuestInstance;
  /** Lets everything go that waits for another request. */
  close(): void;
}

/** What is left of a plan once its files are compiled. */
export interface LinkInput {
  readonly plan: LinkPlan;
  /** The generated linking code; empty where there is none. */
  readonly script: string;
  readonly modules: Readonly<Record<string, WebAssembly.Module>>;
  /** The memory that a module imports since it was rewritten, within the memory limit; by the module's name. */
  readonly memories: Readonly<Record<string, MemoryType>>;
  /** What the memories and tables of an instance may have together. */
  readonly memoryBytesMax: number;
}

/** What the instances of one thread share. */
export interface LinkSurroundings {
  readonly pool: MemoryPool;
  /** Through these, guarded instances are limited. */
  readonly cells: LimitCells;
}

export function linkComponent(input: LinkInput, surroundings: LinkSurroundings): LinkedComponent {
  const { plan } = input;
  return plan.linking === 'direct'
    ? new DirectComponent(plan, input, surroundings)
    : new GeneratedComponent(plan, input, surroundings.cells);
}
