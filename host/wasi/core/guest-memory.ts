/**
 * One linear memory as host functions see it: bounds-checked, and allocated in through the guest's own `realloc`.
 * Knows bytes and offsets, no types and no handles.
 */
import { GuestFault } from '../result-error.ts';

/** The canonical ABI's `realloc`: old pointer, old size, alignment, new size; gives the new pointer. */
export type Realloc = (oldAt: number, oldBytes: number, align: number, newBytes: number) => number;

/**
 * What one call may copy from the guest: a list may name the same bytes many times over, so the guest's own memory
 * is no limit. As much as wasmtime allows by default (its `hostcall_fuel`, 2026).
 */
const CALL_BYTES_MAX = 128 * 1_048_576;

const NOTHING = new Uint8Array(0);
const NO_VIEW = new DataView(NOTHING.buffer);

/** Views of a memory that the guest may grow; `begin` brings them up to date. */
export class GuestMemory {
  bytes: Uint8Array = NOTHING;
  view: DataView = NO_VIEW;
  #spentBytes = 0;
  #memory: WebAssembly.Memory | undefined;
  #realloc: Realloc | undefined;

  /** Takes the memory of a new instance; `realloc` may follow later. */
  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
    this.#look(memory);
  }

  attachRealloc(realloc: Realloc): void {
    this.#realloc = realloc;
  }

  detach(): void {
    this.#memory = undefined;
    this.#realloc = undefined;
    this.bytes = NOTHING;
    this.view = NO_VIEW;
  }

  /** At the start of each host call. */
  begin(): void {
    this.#spentBytes = 0;
    this.#refresh();
  }

  /** Counts what a call copies out. @throws GuestFault when it is too much. */
  spend(lengthBytes: number): void {
    this.#spentBytes += lengthBytes;
    if (this.#spentBytes <= CALL_BYTES_MAX) return;
    throw new GuestFault(`expected at most ${CALL_BYTES_MAX} bytes in one call, got more`);
  }

  /** Guest code may have run: growing detaches the buffer, which empties its views. */
  #refresh(): void {
    if (this.bytes.length === 0 && this.#memory !== undefined) this.#look(this.#memory);
  }

  #look(memory: WebAssembly.Memory): void {
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
  }

  /** Checks a pointer with the length behind it. @throws GuestFault when it is not aligned or leaves the memory. */
  check(at: number, lengthBytes: number, align: number): void {
    if ((at & (align - 1)) !== 0) {
      throw new GuestFault(`expected a pointer aligned to ${align} bytes, got ${at}`);
    }
    if (at + lengthBytes > this.bytes.length) {
      throw new GuestFault(
        `expected ${lengthBytes} bytes at ${at} within the memory of ${this.bytes.length} bytes`,
      );
    }
  }

  /** A copy of guest bytes. */
  copyOut(at: number, lengthBytes: number): Uint8Array {
    return this.lendOut(at, lengthBytes).slice();
  }

  /** The guest bytes themselves, which change as soon as the guest goes on. */
  lendOut(at: number, lengthBytes: number): Uint8Array {
    this.check(at, lengthBytes, 1);
    this.spend(lengthBytes);
    return this.bytes.subarray(at, at + lengthBytes);
  }

  /**
   * Room for `lengthBytes` from the guest's own allocator.
   * @throws GuestFault when the guest gives a pointer that cannot be.
   */
  allocate(lengthBytes: number, align: number): number {
    if (this.#realloc === undefined) throw new GuestFault('the guest has no realloc to allocate with yet');
    if (lengthBytes > 0x7fff_ffff) {
      throw new GuestFault(`expected a value of at most 2147483647 bytes, got ${lengthBytes}`);
    }
    const at = this.#realloc(0, 0, align, lengthBytes) >>> 0;
    this.#refresh();
    this.check(at, lengthBytes, align);
    return at;
  }
}
