// How the host gets memory in the guest for the lists and strings it passes. Knows the allocator and nothing else.

/** Where the next list goes, and its size; 0 while it goes to a block of its own. */
let lent: usize = 0;
let lentBytes: usize = 0;

/** Has the host put its next list into this block, if it fits: nothing is ever freed, and a stream has no end. */
export function lend(block: usize, blockBytes: usize): void {
  lent = block;
  lentBytes = blockBytes;
}

/** The canonical ABI's realloc. A block made here is an ArrayBuffer, so bytes from the host need no copy. */
export function allocate(old: usize, oldBytes: usize, align: usize, bytes: usize): usize {
  if (lent && bytes <= lentBytes) return lent;
  return old && oldBytes ? __renew(old, bytes) : __new(bytes, idof<ArrayBuffer>());
}
