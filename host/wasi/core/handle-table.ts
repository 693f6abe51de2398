/**
 * The handles of one instance: small numbers that stand for host objects, each of one resource type. Which methods
 * those objects have is none of its business.
 *
 * While a host call runs, the guest runs only inside its realloc; for that time the call's borrowed handles are lent.
 * The canonical ABI forbids every call of the host in there. Guests whose exports run the constructors of their C
 * library each time do call, so here all is allowed but to give away what is lent.
 */
import { GuestFault } from '../result-error.ts';

/** Handles that one instance may hold at once: they live in the host's memory, which no other limit counts. */
export const HANDLES_MAX = 100_000;

/** Objects that want to know when the guest lets go of them. */
interface Disposable {
  [Symbol.dispose]?(): void;
}

export class HandleTable {
  // Parallel arrays; handle 0 is never given, as the canonical ABI has it.
  #types: (string | undefined)[] = [undefined];
  #objects: (object | undefined)[] = [undefined];
  #free: number[] = [];
  readonly #lent: number[] = [];

  /** Hands an object to the guest. */
  add(type: string, object: object): number {
    const handle = this.#free.pop() ?? this.#types.length;
    if (handle > HANDLES_MAX) {
      throw new GuestFault(`expected at most ${HANDLES_MAX} handles at once, got another one`);
    }
    this.#types[handle] = type;
    this.#objects[handle] = object;
    return handle;
  }

  /** The object behind a handle that the guest keeps (`borrow`). */
  get(type: string, handle: number): object {
    if (this.#types[handle] !== type) throw this.#unfit(type, handle);
    return this.#objects[handle] as object;
  }

  /** The object behind a handle that the guest gives away (`own`). */
  take(type: string, handle: number): object {
    const object = this.get(type, handle);
    if (this.#lent.length > 0 && this.#lent.includes(handle)) {
      throw new GuestFault(
        `expected a handle of ${type} that no call borrows, got ${handle} during such a call`,
      );
    }
    this.#types[handle] = undefined;
    this.#objects[handle] = undefined;
    this.#free.push(handle);
    return object;
  }

  /** `resource.drop` */
  drop(type: string, handle: number): void {
    (this.take(type, handle) as Disposable)[Symbol.dispose]?.();
  }

  /** From now on a call needs this handle, which it has looked up before. */
  lend(handle: number): void {
    this.#lent.push(handle >>> 0);
  }

  /** Ends the last lending. */
  giveBack(): void {
    this.#lent.pop();
  }

  /**
   * Forgets all handles but those of some objects. Nobody is told: what they were for is over.
   * @returns how many are left.
   */
  keepOnly(isKept: (object: object) => boolean): number {
    let kept = 0;
    this.#lent.length = 0;
    for (const [handle, object] of this.#objects.entries()) {
      if (object === undefined) continue;
      if (isKept(object)) {
        kept++;
        continue;
      }
      this.#types[handle] = undefined;
      this.#objects[handle] = undefined;
      this.#free.push(handle);
    }
    return kept;
  }

  /** Forgets everything, for another execution. */
  clear(): void {
    this.#types = [undefined];
    this.#objects = [undefined];
    this.#free = [];
    this.#lent.length = 0;
  }

  #unfit(type: string, handle: number): GuestFault {
    const found = this.#types[handle];
    const got = found === undefined ? 'one that is unknown or was dropped' : `one of ${found}`;
    return new GuestFault(`expected a handle of ${type}, got ${got} (${handle})`);
  }
}
