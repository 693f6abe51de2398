/**
 * Which of the host's objects a guest may keep from one request to the next: those that hold nothing of a request. All
 * others end with the request that they were given in.
 */
import { Fields } from './fields.ts';

const STANDING = new WeakSet<object>();

/** Marks an object that belongs to no request: it looks up whose turn it is whenever it is used. */
export function standing<T extends object>(object: T): T {
  STANDING.add(object);
  return object;
}

/** Fields are plain data, wherever they come from. */
export const outlivesRequest = (object: object): boolean => object instanceof Fields || STANDING.has(object);
