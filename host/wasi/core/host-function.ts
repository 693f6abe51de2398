/**
 * Makes a core function of a host function: takes core values, lifts them, calls, and lowers what comes back. Knows
 * how host interfaces are written (classes with methods, errors thrown as ResultError, promises where the guest is to
 * be suspended), not what they do.
 */
import { ResultError } from '../result-error.ts';
import { type AbiSide, type AbiType, alignUp, type Flat, type FlatKind } from './abi-rules.ts';
import { abiType } from './abi-types.ts';
import type { GuestCalls } from './guest-calls.ts';
import type { HandleTable } from './handle-table.ts';
import { readSignature, type WitSignature } from './signature.ts';

/** A function as core WebAssembly imports it. A promise is of what it would have returned. */
export type CoreFunction = (...args: Flat[]) => Flat | undefined | Promise<Flat | undefined>;

/** Calls the host with lifted values. */
export type HostCall = (values: readonly unknown[]) => unknown;

/** At most this many core values come back as they are; the rest goes through memory. */
const FLAT_RESULTS_MAX = 1;

interface Shape {
  readonly params: readonly AbiType[];
  readonly paramsFrom: readonly number[];
  /** Index of the pointer to where the result goes, when there is one. */
  readonly resultAt: number;
  readonly result: AbiType | undefined;
  readonly isResult: boolean;
  /** Whether the guest's realloc runs for the result. */
  readonly mayAllocate: boolean;
  /** Among the core values, the handles that stay borrowed while it does. */
  readonly lent: readonly number[];
}

function shapeOf(signature: WitSignature): Shape {
  const params = signature.params.map(abiType);
  const paramsFrom: number[] = [];
  let flatParams = 0;
  for (const { flat } of params) {
    paramsFrom.push(flatParams);
    flatParams += flat.length;
  }
  const result = signature.result && abiType(signature.result);
  const resultAt = result && result.flat.length > FLAT_RESULTS_MAX ? flatParams : -1;
  const mayAllocate = /"(string|list)"/.test(JSON.stringify(signature.result ?? ''));
  const lent = paramsFrom.filter((_from, index) => mayAllocate && signature.params[index]?.kind === 'borrow');
  const isResult = signature.result?.kind === 'result';
  return { params, paramsFrom, resultAt, result, isResult, mayAllocate, lent };
}

const shapes = new Map<string, Shape>();

function knownShape(text: string): Shape {
  const known = shapes.get(text);
  if (known) return known;
  const shape = shapeOf(readSignature(text));
  shapes.set(text, shape);
  return shape;
}

/** One host function in one binding. */
class HostFunction {
  readonly #shape: Shape;
  readonly #call: HostCall;
  readonly #side: AbiSide;
  readonly #calls: GuestCalls;

  constructor(text: string, call: HostCall, side: AbiSide, calls: GuestCalls) {
    this.#shape = knownShape(text);
    this.#call = call;
    this.#side = side;
    this.#calls = calls;
  }

  readonly run: CoreFunction = (...args) => {
    const calls = this.#calls;
    calls.rethrow();
    try {
      this.#side.memory.begin();
      return this.#answer(args, this.#lifted(args));
    } catch (thrown) {
      throw calls.fail(thrown);
    }
  };

  #lifted(args: readonly Flat[]): readonly unknown[] {
    const { params, paramsFrom } = this.#shape;
    const values: unknown[] = [];
    for (let index = 0; index < params.length; index++) {
      values.push((params[index] as AbiType).lift(this.#side, args, paramsFrom[index] as number));
    }
    return values;
  }

  #answer(args: readonly Flat[], values: readonly unknown[]): Flat | undefined | Promise<Flat | undefined> {
    let value: unknown;
    try {
      value = this.#call(values);
    } catch (thrown) {
      return this.#lowered(args, this.#errorCase(thrown));
    }
    if (value instanceof Promise) return this.#suspended(args, value);
    return this.#lowered(args, this.#okCase(value));
  }

  #okCase(value: unknown): unknown {
    return this.#shape.isResult ? { tag: 'ok', val: value } : value;
  }

  #errorCase(thrown: unknown): unknown {
    if (this.#shape.isResult && thrown instanceof ResultError) return { tag: 'err', val: thrown.payload };
    throw thrown;
  }

  /** The guest is left until the promise is settled; then its memory gets the result, and it goes on. */
  #suspended(args: readonly Flat[], pending: Promise<unknown>): Promise<Flat | undefined> {
    const calls = this.#calls;
    const settle = (result: () => unknown): Flat | undefined => {
      calls.enter();
      try {
        this.#side.memory.begin();
        return this.#lowered(args, result());
      } catch (thrown) {
        throw calls.fail(thrown);
      } finally {
        calls.leave();
      }
    };
    const settled = pending.then(
      (value) => settle(() => this.#okCase(value)),
      (thrown: unknown) => settle(() => this.#errorCase(thrown)),
    );
    // Registered before the engine's own, so that the guest goes on right after it and nothing comes between.
    settled.then(calls.enter, calls.enter);
    calls.leave();
    return settled;
  }

  #lowered(args: readonly Flat[], value: unknown): Flat | undefined {
    const { result, resultAt, mayAllocate } = this.#shape;
    if (result === undefined) return undefined;
    if (resultAt < 0) return result.lower(this.#side, value);
    const { memory } = this.#side;
    const at = (args[resultAt] as number) >>> 0;
    memory.check(at, alignUp(result.sizeBytes, result.align), result.align);
    if (mayAllocate) this.#calls.nested(() => this.#storeLending(args, result, at, value));
    else result.store(this.#side, at, value);
    return undefined;
  }

  #storeLending(args: readonly Flat[], result: AbiType, at: number, value: unknown): void {
    const { lent } = this.#shape;
    const { handles } = this.#side;
    for (const index of lent) handles.lend(args[index] as number);
    result.store(this.#side, at, value);
    for (const _index of lent) handles.giveBack();
  }
}

/** The core values that a function takes, the pointer to its result among them. */
export function coreParams(text: string): readonly FlatKind[] {
  const { params, resultAt } = knownShape(text);
  const kinds = params.flatMap(({ flat }) => flat);
  return resultAt < 0 ? kinds : [...kinds, 'i32'];
}

/** @param text the function's signature, one of the host's own tables. */
export function coreFunction(text: string, call: HostCall, side: AbiSide, calls: GuestCalls): CoreFunction {
  return new HostFunction(text, call, side, calls).run;
}

/** `resource.drop` for one type of resource. */
export function dropFunction(resource: string, handles: HandleTable, calls: GuestCalls): CoreFunction {
  return (handle) => {
    calls.rethrow();
    try {
      handles.drop(resource, (handle as number) >>> 0);
      return undefined;
    } catch (thrown) {
      throw calls.fail(thrown);
    }
  };
}
