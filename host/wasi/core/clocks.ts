/** Signatures of wasi:clocks, in any 0.2.x version. */

const DATETIME = 'record{seconds: u64, nanoseconds: u32}';

export const CLOCKS_SIGNATURES = {
  'wasi:clocks/monotonic-clock': {
    now: '() -> u64',
    resolution: '() -> u64',
    'subscribe-instant': '(u64) -> own<pollable>',
    'subscribe-duration': '(u64) -> own<pollable>',
  },
  'wasi:clocks/wall-clock': {
    now: `() -> ${DATETIME}`,
    resolution: `() -> ${DATETIME}`,
  },
} as const;
