/**
 * The memory limit of an instance: all its linear memories and tables count together. What they start with is known
 * from the plan; what they grow by is counted down in the limit cells by the guest's own code.
 */
import { CodedError } from '../../metering/errors.ts';
import type { Guard } from './guard-module.ts';
import type { MemoryType } from './import-memory.ts';
import { PAGE_BYTES, TABLE_ELEMENT_BYTES } from './instrument/growth-guards.ts';
import type { LimitCells, RunRoom } from './limit-cells.ts';
import type { LinkPlan } from './plan.ts';

/** Tables of this size that a component starts with are free: they are part of its code, and some 240 kB. */
const TABLE_ELEMENTS_FREE = 10_000;

/** What an instance of one core module starts with. */
export interface StartSizes {
  readonly pages: number;
  readonly tableElements: number;
}

/** Of the limit, rounded down: memories have whole pages. */
export const pagesIn = (bytes: number): number => Math.floor(bytes / PAGE_BYTES);

export function startSizes(pooled: MemoryType | undefined, guard: Guard | undefined): StartSizes {
  const own = guard?.memories ?? [];
  const pages = own.reduce((sum, { pagesInitial }) => sum + pagesInitial, pooled?.pagesInitial ?? 0);
  return { pages, tableElements: guard?.tableElements ?? 0 };
}

const bytesOf = (pages: number, tableElements: number): number =>
  pages * PAGE_BYTES + Math.max(0, tableElements - TABLE_ELEMENTS_FREE) * TABLE_ELEMENT_BYTES;

/** The sizes of all core instances; code that was generated makes at least one of each module. */
function allStartSizes(plan: LinkPlan): readonly StartSizes[] {
  const made =
    plan.linking === 'direct'
      ? plan.steps.flatMap((step) =>
          step.kind === 'instantiate' ? [plan.modules[step.module] as string] : [],
        )
      : plan.modules;
  return made.map((name) => startSizes(plan.memories[name], plan.guards[name]));
}

/**
 * Checks that the instances of a component can start.
 * @throws CodedError `component-invalid`
 */
export function checkStartSizes(plan: LinkPlan, memoryBytesMax: number): void {
  let pages = 0;
  let tableElements = 0;
  for (const sizes of allStartSizes(plan)) {
    pages += sizes.pages;
    tableElements += sizes.tableElements;
  }
  if (bytesOf(pages, tableElements) <= memoryBytesMax) return;
  const what = `${pages} pages of 64 KiB and tables of ${tableElements} elements`;
  const limit = `${pagesIn(memoryBytesMax)} pages (the memory limit)`;
  const message = `expected memories and tables that start with at most ${limit} together, got ${what}`;
  throw new CodedError('component-invalid', message);
}

/** The budget of one execution. */
export class MemoryBudget {
  readonly #cells: LimitCells;
  readonly #bytesMax: number;
  #tableElements = 0;
  /** Room that the first request had, and what is left of it between two. */
  #roomBytes: number | undefined;
  #bytesLeft = 0;
  /** Of the present request; others have it afterwards. */
  #room: RunRoom | undefined;
  #spareBetween = 0;

  constructor(cells: LimitCells, bytesMax: number) {
    this.#cells = cells;
    this.#bytesMax = bytesMax;
  }

  /** @param sparePages that the memory has beyond what a new instance is given. */
  begin(sparePages: number): void {
    this.#tableElements = 0;
    this.#roomBytes = undefined;
    this.#cells.growthBytesLeft = this.#bytesMax;
    this.#enter(sparePages);
  }

  #enter(sparePages: number): void {
    this.#cells.sparePages = sparePages;
    this.#room = this.#cells.room;
  }

  /** Of those, how many the guest has not asked for. */
  get sparePages(): number {
    return this.#room ? this.#cells.sparePagesOf(this.#room) : this.#spareBetween;
  }

  /** To be called once all instances are made: what is left is the room of the first request. */
  ready(): void {
    this.#roomBytes = this.#cells.growthBytesLeft;
  }

  /** Whether the next request would have half the room of the first one, or more. */
  get hasRoom(): boolean {
    return this.#roomBytes !== undefined && 2 * this.#bytesLeft >= this.#roomBytes;
  }

  /** Remembers what is left: the cells are about to serve others. */
  pause(): void {
    this.#bytesLeft = this.#cells.growthBytesLeft;
    this.#spareBetween = this.sparePages;
    this.#room = undefined;
  }

  resume(): void {
    this.#cells.growthBytesLeft = this.#bytesLeft;
    this.#enter(this.#spareBetween);
  }

  /**
   * Takes what one more core instance starts with, before it is made.
   * @throws Error when there is no room for it, which a check of the plan does not always see.
   */
  take({ pages, tableElements }: StartSizes): void {
    const before = this.#tableElements;
    this.#tableElements += tableElements;
    const bytes = bytesOf(pages, this.#tableElements) - bytesOf(0, before);
    const left = this.#cells.growthBytesLeft - bytes;
    if (left < 0)
      throw new Error(`the memory limit of ${this.#bytesMax} bytes leaves no room for its instances`);
    this.#cells.growthBytesLeft = left;
  }
}
