/**
 * Makes a core function of a host function: takes core values, lifts them, calls, and lowers what comes back. Knows
 * how host interfaces are written (classes with methods, errors thrown as ResultError), not what they do.
 */
import { ResultError } from '../result-error.ts';
import { type AbiSide, type AbiType, alignUp, type Flat } from './abi-rules.ts';
import { abiType } from './abi-types.ts';
import type { GuestCalls } from './guest-calls.ts';
import type { HandleTable } from './handle-table.ts';
import { readSignature, type WitSignature } from './signature.ts';

/** A function as core WebAssembly imports it. */
export type CoreFunction = (...args: Flat[]) => Flat | undefined;

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
  /** Among the core values, the handles that stay borrowed while the guest's realloc runs for the result. */
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
  return { params, paramsFrom, resultAt, result, isResult: signature.result?.kind === 'result', lent };
}

const shapes = new Map<string, Shape>();

function knownShape(text: string): Shape {
  const known = shapes.get(text);
  if (known) return known;
  const shape = shapeOf(readSignature(text));
  shapes.set(text, shape);
  return shape;
}

const called = (call: HostCall, values: readonly unknown[]): unknown => {
  try {
    return { tag: 'ok', val: call(values) };
  } catch (thrown) {
    if (thrown instanceof ResultError) return { tag: 'err', val: thrown.payload };
    throw thrown;
  }
};

function lowered(
  { result, resultAt }: Shape,
  side: AbiSide,
  args: readonly Flat[],
  value: unknown,
): Flat | undefined {
  if (result === undefined) return undefined;
  if (resultAt < 0) return result.lower(side, value);
  const at = (args[resultAt] as number) >>> 0;
  side.memory.check(at, alignUp(result.sizeBytes, result.align), result.align);
  result.store(side, at, value);
  return undefined;
}

/** @param text the function's signature, one of the host's own tables. */
export function coreFunction(text: string, call: HostCall, side: AbiSide, calls: GuestCalls): CoreFunction {
  const shape = knownShape(text);
  const { params, paramsFrom, isResult, lent } = shape;
  const { handles } = side;
  return (...args) => {
    calls.rethrow();
    try {
      side.memory.begin();
      const values: unknown[] = [];
      for (let index = 0; index < params.length; index++) {
        values.push((params[index] as AbiType).lift(side, args, paramsFrom[index] as number));
      }
      const value = isResult ? called(call, values) : call(values);
      for (const index of lent) handles.lend(args[index] as number);
      const flat = lowered(shape, side, args, value);
      for (const _index of lent) handles.giveBack();
      return flat;
    } catch (thrown) {
      throw calls.fail(thrown);
    }
  };
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
