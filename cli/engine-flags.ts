/** How the engine is to compile what runs for long: a flag of V8, for the whole process. */
import { setFlagsFromString } from 'node:v8';

/**
 * Lets the compiler put more functions into those that call them than it does by itself (920 bytes of bytecode in V8
 * 14.6). A replay calls many small functions for each request: SimFaaS's example was a tenth faster then, and no platform
 * slower (`bench/simulator.ts`, November 2026). Results are the same.
 */
export function compileForReplays(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');
}
