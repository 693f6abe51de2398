/**
 * The handles of one instance: small numbers that stand for host objects, each of one resource type. Which methods
 * those objects have is none of its business.
 *
 * A handle can not be dropped while a call borrows it: the guest does not run during a call, except inside realloc,
 * where it may not call the host. So there are no lending counts.
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
    this.#types[handle] = undefined;
    this.#objects[handle] = undefined;
    this.#free.push(handle);
    return object;
  }

  /** `resource.drop` */
  drop(type: string, handle: number): void {
    (this.take(type, handle) as Disposable)[Symbol.dispose]?.();
  }

  /** Forgets everything, for another execution. */
  clear(): void {
    this.#types = [undefined];
    this.#objects = [undefined];
    this.#free = [];
  }

  #unfit(type: string, handle: number): GuestFault {
    const found = this.#types[handle];
    const got = found === undefined ? 'one that is unknown or was dropped' : `one of ${found}`;
    return new GuestFault(`expected a handle of ${type}, got ${got} (${handle})`);
  }
}
