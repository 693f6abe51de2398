/** Signatures of wasi:random, in any 0.2.x version. */

export const RANDOM_SIGNATURES = {
  'wasi:random/random': {
    'get-random-bytes': '(u64) -> list<u8>',
    'get-random-u64': '() -> u64',
  },
  'wasi:random/insecure': {
    'get-insecure-random-bytes': '(u64) -> list<u8>',
    'get-insecure-random-u64': '() -> u64',
  },
  'wasi:random/insecure-seed': { 'insecure-seed': '() -> tuple<u64, u64>' },
} as const;
