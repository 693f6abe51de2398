/** How a host function answers with the error case of a WIT result: the generated code lowers the payload. */

export class ResultError extends Error {
  readonly payload: unknown;

  constructor(payload: unknown) {
    super(
      typeof payload === 'object' && payload !== null && 'tag' in payload
        ? String(payload.tag)
        : String(payload),
    );
    this.payload = payload;
  }
}

/** A guest broke a rule that has no error case in its interface; the execution ends as a trap. */
export class GuestFault extends Error {}
