/** What is known of all ways through a function to where a walk over its code is: what they have come through. */
import { OP } from './opcodes.ts';

/** One block: how long straight code was at its begin, and at most inside of it; whether a check came before it. */
interface Block {
  entry: number;
  peak: number;
  isChecked: boolean;
}

export class Ways {
  /** Blocks that the walk is in, the function's own among them; 0 behind its end. */
  depth = 0;
  /** Instructions since the last check, on the worst way. */
  straight = 0;
  /** Whether there was a check on every way. */
  isChecked = false;
  // Used again from function to function.
  readonly #blocks: Block[] = [];

  /** To be called at the begin of a function. */
  begin(): void {
    this.depth = 0;
    this.straight = 0;
    this.isChecked = false;
    this.#open();
  }

  /** To be called where a check is. */
  checked(): void {
    this.#notePeak();
    this.straight = 0;
    this.isChecked = true;
  }

  /** Keeps up with blocks. At their ends the way may have come from anywhere inside. */
  follow(opcode: number): void {
    switch (opcode) {
      case OP.block:
      case OP.loop:
      case OP.if:
      case OP.try:
      case OP.tryTable:
        this.#open();
        return;
      case OP.else:
        this.#goOn(this.#block().entry);
        return;
      case OP.catch:
      case OP.catchAll:
        this.#goOn();
        return;
      case OP.end:
      case OP.delegate:
        this.#goOn();
        this.depth--;
        if (this.depth > 0) this.#notePeak();
    }
  }

  #open(): void {
    const { straight, isChecked } = this;
    const block = this.#blocks[this.depth++];
    if (block) {
      block.entry = straight;
      block.peak = straight;
      block.isChecked = isChecked;
    } else this.#blocks.push({ entry: straight, peak: straight, isChecked });
  }

  /** Another way begins with what was true before the block, and after as much as can have been run in it. */
  #goOn(straight?: number): void {
    this.#notePeak();
    const block = this.#block();
    this.straight = straight ?? block.peak;
    this.isChecked = block.isChecked;
  }

  #block(): Block {
    return this.#blocks[this.depth - 1] as Block;
  }

  #notePeak(): void {
    const block = this.#block();
    if (this.straight > block.peak) block.peak = this.straight;
  }
}
