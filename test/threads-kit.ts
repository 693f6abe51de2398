/** What both threads of tests of the shared memory know. */

export interface ThreadTask {
  readonly part: 'announces' | 'takes' | 'writes';
  readonly area: SharedArrayBuffer;
  readonly bell: SharedArrayBuffer;
  /** How often it is done. */
  readonly times: number;
}

/** A byte of the message with a number, so that each can be told from the others. */
export const byteOf = (message: number): number => (message * 31) & 255;
export const lengthOf = (message: number): number => (message * 7_919) % 40_000;
