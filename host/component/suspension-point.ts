/**
 * A function that a guest imports and that may suspend it. V8's suspending imports always suspend, whatever they
 * return, and trap where nobody can be suspended; so a small module stands before one, and only calls it when there is
 * a promise to wait for.
 */
import type { Flat, FlatKind } from '../wasi/core/abi-rules.ts';
import type { CoreFunction } from '../wasi/core/host-function.ts';
import { encodeU32 } from './binary.ts';

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const VALUE_TYPES: Readonly<Record<FlatKind, number>> = { i32: 0x7f, i64: 0x7e };
const FUNCTION_TYPE = 0x60;
const [LOCAL_GET, CALL, IF, NO_RESULT, END] = [0x20, 0x10, 0x04, 0x40, 0x0b];

const vector = (items: readonly (readonly number[])[]): number[] => [
  ...encodeU32(items.length),
  ...items.flat(),
];
const sized = (bytes: readonly number[]): number[] => [...encodeU32(bytes.length), ...bytes];
const text = (name: string): number[] => sized([...Buffer.from(name)]);
const section = (id: number, items: readonly (readonly number[])[]): number[] => [
  id,
  ...sized(vector(items)),
];

/**
 * In text: `(func (export "call") (param …) (if (call $begin (local.get 0) …) (then (call $resume))))`. `begin` gives
 * whether there is something to wait for.
 */
function moduleOf(params: readonly FlatKind[]): WebAssembly.Module {
  const taken = vector(params.map((kind) => [VALUE_TYPES[kind]]));
  const types = [
    [FUNCTION_TYPE, ...taken, 1, VALUE_TYPES.i32],
    [FUNCTION_TYPE, 0, 0],
    [FUNCTION_TYPE, ...taken, 0],
  ];
  const imported = (name: string, type: number) => [...text('host'), ...text(name), 0, type];
  const passed = params.flatMap((_kind, index) => [LOCAL_GET, ...encodeU32(index)]);
  const body = [0, ...passed, CALL, 0, IF, NO_RESULT, CALL, 1, END, END];
  return new WebAssembly.Module(
    Uint8Array.from([
      ...PREAMBLE,
      ...section(1, types),
      ...section(2, [imported('begin', 0), imported('resume', 1)]),
      ...section(3, [[2]]),
      ...section(7, [[...text('call'), 0, 2]]),
      ...section(10, [sized(body)]),
    ]),
  );
}

const modules = new Map<string, WebAssembly.Module>();

function knownModule(params: readonly FlatKind[]): WebAssembly.Module {
  const key = params.join();
  const known = modules.get(key);
  if (known) return known;
  const made = moduleOf(params);
  modules.set(key, made);
  return made;
}

/**
 * @param params the kinds of its core parameters.
 * @param run does the work; gives no core value, but a promise where its caller is to be suspended.
 */
export function suspensionPoint(params: readonly FlatKind[], run: CoreFunction): unknown {
  let pending: unknown;
  const begin = (...args: Flat[]): number => {
    pending = run(...args);
    return pending instanceof Promise ? 1 : 0;
  };
  const resume = new WebAssembly.Suspending(() => {
    const promise = pending;
    pending = undefined;
    return promise;
  });
  return new WebAssembly.Instance(knownModule(params), { host: { begin, resume } }).exports.call;
}
