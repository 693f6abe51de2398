/**
 * Memory that threads share: a trace's columns are put into it once, and every thread reads the same bytes. It is
 * written before the first of them sees it and never after.
 */
import { sharedFloats, sharedIndexes } from '../kernel/shared-memory.ts';
import type { OptionalColumns, Trace } from './trace.ts';

const isShared = ({ buffer }: Float64Array | Uint32Array): boolean => buffer instanceof SharedArrayBuffer;

function inShared(values: Float64Array): Float64Array {
  if (isShared(values)) return values;
  const shared = sharedFloats(values.length);
  shared.set(values);
  return shared;
}

function indexesInShared(values: Uint32Array): Uint32Array {
  if (isShared(values)) return values;
  const shared = sharedIndexes(values.length);
  shared.set(values);
  return shared;
}

/** The same trace with all its columns in shared memory; those that are there already stay where they are. */
export function sharedTrace(trace: Trace): Trace {
  const columns = Object.entries(trace.columns).map(([key, values]) => [key, inShared(values)]);
  return {
    ...trace,
    arrivedAtUs: inShared(trace.arrivedAtUs),
    runUs: inShared(trace.runUs),
    functionIndex: indexesInShared(trace.functionIndex),
    columns: Object.fromEntries(columns) as OptionalColumns,
  };
}
