/** What Ebb asks of a component: the one export it calls, and the interfaces it may import. */
import { CodedError } from '../../metering/errors.ts';
import type { ComponentOutline } from './parse.ts';

/** Every 0.2.x version of the handler counts: patch versions only add to their interfaces. */
const HANDLER = /^wasi:http\/incoming-handler@0\.2\.(?:0|[1-9]\d*)$/;

/** The interfaces that the host provides, in any 0.2.x version. */
export const PROVIDED_INTERFACES = [
  'wasi:cli/environment',
  'wasi:cli/exit',
  'wasi:cli/stderr',
  'wasi:cli/stdin',
  'wasi:cli/stdout',
  'wasi:cli/terminal-input',
  'wasi:cli/terminal-output',
  'wasi:cli/terminal-stderr',
  'wasi:cli/terminal-stdin',
  'wasi:cli/terminal-stdout',
  'wasi:clocks/monotonic-clock',
  'wasi:clocks/timezone',
  'wasi:clocks/wall-clock',
  'wasi:filesystem/preopens',
  'wasi:filesystem/types',
  'wasi:http/outgoing-handler',
  'wasi:http/types',
  'wasi:io/error',
  'wasi:io/poll',
  'wasi:io/streams',
  'wasi:random/insecure',
  'wasi:random/insecure-seed',
  'wasi:random/random',
  'wasi:sockets/instance-network',
  'wasi:sockets/ip-name-lookup',
  'wasi:sockets/network',
  'wasi:sockets/tcp',
  'wasi:sockets/tcp-create-socket',
  'wasi:sockets/udp',
  'wasi:sockets/udp-create-socket',
] as const;

const provided = new Set<string>(PROVIDED_INTERFACES);
const VERSIONED = /^([^@]+)@0\.2\.(?:0|[1-9]\d*)$/;

const listed = (names: readonly string[]): string => (names.length === 0 ? 'nothing' : names.join(', '));

/**
 * Checks that a component can be a function here.
 * @throws CodedError `component-no-handler` or `component-import-unknown`.
 */
export function checkContract(outline: ComponentOutline): void {
  if (!outline.exports.some((name) => HANDLER.test(name))) {
    throw new CodedError(
      'component-no-handler',
      `expected an export wasi:http/incoming-handler@0.2.x, got ${listed(outline.exports)}`,
      { exports: outline.exports },
    );
  }
  const unknown = outline.imports.filter((name) => !provided.has(VERSIONED.exec(name)?.[1] ?? ''));
  if (unknown.length > 0) {
    throw new CodedError(
      'component-import-unknown',
      `expected imports of ${PROVIDED_INTERFACES.join(', ')} at version 0.2.x, got ${listed(unknown)}`,
      { unknown, provided: PROVIDED_INTERFACES },
    );
  }
}
