/**
 * An execution context that stands for another one, which changes with each execution: so host functions can be made
 * once and still serve whoever has the turn.
 */
import { Allowance } from './http-bodies.ts';
import type { ExecutionContext } from './imports.ts';

/** The context of whichever execution has the turn, for host functions that are made once. */
export class CurrentContext implements ExecutionContext {
  current: ExecutionContext | undefined;

  readonly responseRules: ExecutionContext['responseRules'] = rulesOf(() => this.#now().responseRules);
  readonly requestAllowance: Allowance = new CurrentAllowance(() => this.#now().requestAllowance);
  readonly outbound: ExecutionContext['outbound'] = {
    send: (request) => this.#now().outbound.send(request),
    wait: (timeoutMs) => this.#now().outbound.wait(timeoutMs),
  };
  readonly onLog: ExecutionContext['onLog'] = (bytes) => this.#now().onLog(bytes);

  #now(): ExecutionContext {
    return this.current as ExecutionContext;
  }
}

function rulesOf(now: () => ExecutionContext['responseRules']): ExecutionContext['responseRules'] {
  return {
    get allowance() {
      return now().allowance;
    },
    get isHead() {
      return now().isHead;
    },
  };
}

/** Counts in the allowance of whichever execution has the turn. */
class CurrentAllowance extends Allowance {
  readonly #now: () => Allowance;

  constructor(now: () => Allowance) {
    super(0, () => {
      throw new Error('nothing is ever counted here');
    });
    this.#now = now;
  }

  override take(bytes: number): void {
    this.#now().take(bytes);
  }

  override giveBack(bytes: number): void {
    this.#now().giveBack(bytes);
  }
}
