/** How much of a body may be under way between a socket and a guest, so that its memory is flat in its length. */

/** Bytes of one body that were sent on and not yet taken; a sender waits when it has reached them. */
export const WINDOW_BYTES = 262_144;
