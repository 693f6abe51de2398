/** Signatures of wasi:cli, in any 0.2.x version. */

export const CLI_SIGNATURES = {
  'wasi:cli/environment': {
    'get-environment': '() -> list<tuple<string, string>>',
    'get-arguments': '() -> list<string>',
    'initial-cwd': '() -> option<string>',
  },
  'wasi:cli/exit': {
    exit: '(result)',
    'exit-with-code': '(u8)',
  },
  'wasi:cli/stdin': { 'get-stdin': '() -> own<input-stream>' },
  'wasi:cli/stdout': { 'get-stdout': '() -> own<output-stream>' },
  'wasi:cli/stderr': { 'get-stderr': '() -> own<output-stream>' },
  'wasi:cli/terminal-input': {},
  'wasi:cli/terminal-output': {},
  'wasi:cli/terminal-stdin': { 'get-terminal-stdin': '() -> option<own<terminal-input>>' },
  'wasi:cli/terminal-stdout': { 'get-terminal-stdout': '() -> option<own<terminal-output>>' },
  'wasi:cli/terminal-stderr': { 'get-terminal-stderr': '() -> option<own<terminal-output>>' },
} as const;
