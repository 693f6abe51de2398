/** Why a module was left as it is. Thrown inside of this folder alone; its door turns it into a return value. */

export type RefusalCode =
  /** An instruction that this build does not know: nobody can tell where the next one begins. */
  | 'opcode-unknown'
  /** Bytes that are no valid core module. */
  | 'module-malformed'
  /** A valid form that this build does not rewrite. */
  | 'form-unsupported'
  /** It imports what only the host may give it. */
  | 'name-taken';

export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly offset: number;

  constructor(code: RefusalCode, offset: number, message: string) {
    super(`${message} at offset ${offset}`);
    this.code = code;
    this.offset = offset;
  }
}
