/**
 * Seeded random streams, one for each purpose, so that what one part draws never shifts what another gets. The
 * generator is sfc32 (Chris Doty-Humphrey, PractRand), seeded through splitmix32. Never for secrets.
 */

const TWO_32 = 2 ** 32;
const TWO_53 = 2 ** 53;

/** FNV-1a, 32 bits: spreads a purpose's name over the seed. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

function splitmix32(state: number): number {
  let z = state | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

const GOLDEN = 0x9e3779b9;
// sfc32's own seeding discards this many outputs, so that near seeds part ways.
const WARM_UP = 15;

/** The seed of a replication: the first one has the seed itself, so that repeating never changes it. */
export function replicationSeed(seed: number, replication: number): number {
  if (replication === 0) return seed;
  const stream = new RandomStream(seed, `replication ${replication}`);
  return (stream.nextUint32() >>> 11) * TWO_32 + stream.nextUint32();
}

export class RandomStream {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /**
   * @param seed a non-negative safe integer.
   * @param purpose any text; two purposes under one seed are independent streams.
   */
  constructor(seed: number, purpose: string) {
    const low = seed >>> 0;
    const high = Math.floor(seed / TWO_32) >>> 0;
    this.#a = splitmix32(low + GOLDEN);
    this.#b = splitmix32(high ^ this.#a);
    this.#c = splitmix32(hashOf(purpose) ^ this.#b);
    for (let i = 0; i < WARM_UP; i++) this.nextUint32();
  }

  /** A uniform integer from 0 to 2^32 − 1. */
  nextUint32(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A uniform number in [0, 1) with 53 random bits. */
  uniform(): number {
    return ((this.nextUint32() >>> 11) * TWO_32 + this.nextUint32()) / TWO_53;
  }

  /** An exponential draw with this mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform());
  }
}
