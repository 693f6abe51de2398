/** Signatures of wasi:clocks, in any 0.2.x version. */

const DATETIME = 'record{seconds: u64, nanoseconds: u32}';
const TIMEZONE = 'record{utc-offset: s32, name: string, in-daylight-saving-time: bool}';

export const CLOCKS_SIGNATURES = {
  'wasi:clocks/monotonic-clock': {
    now: '() -> u64',
    resolution: '() -> u64',
    'subscribe-instant': '(u64) -> own<pollable>',
    'subscribe-duration': '(u64) -> own<pollable>',
  },
  // Unstable in 0.2: the feature clocks-timezone.
  'wasi:clocks/timezone': {
    display: `(${DATETIME}) -> ${TIMEZONE}`,
    'utc-offset': `(${DATETIME}) -> s32`,
  },
  'wasi:clocks/wall-clock': {
    now: `() -> ${DATETIME}`,
    resolution: `() -> ${DATETIME}`,
  },
} as const;
