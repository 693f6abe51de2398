/** The kinds of events of a fleet and how an event queue's payload holds one: a kind in the low bits, a slot above. */

const KIND_BITS = 3;

/** A request with a processor of its own ends; one of those that share processors may. */
export const END = 0;
export const SHARED_END = 1;
/** An instance has booted; its load counts from now on. */
export const READY = 2;
export const WARM = 3;
/** A metric period ends; metrics that were delayed are seen. They are of no slot. */
export const TICK = 4;
export const DECIDE = 5;

export const payloadOf = (slot: number, kind: number): number => (slot << KIND_BITS) | kind;
export const slotOf = (payload: number): number => payload >> KIND_BITS;
export const kindOf = (payload: number): number => payload & ((1 << KIND_BITS) - 1);
