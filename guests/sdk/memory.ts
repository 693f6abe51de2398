// How the host gets memory in the guest for the lists and strings it passes. Knows the allocator and nothing else.

/** The canonical ABI's realloc. A block made here is an ArrayBuffer, so bytes from the host need no copy. */
export function allocate(old: usize, oldBytes: usize, align: usize, bytes: usize): usize {
  return old && oldBytes ? __renew(old, bytes) : __new(bytes, idof<ArrayBuffer>());
}
