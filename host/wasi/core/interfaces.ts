/**
 * All that direct linking knows of the provided interfaces: each function's signature, where each resource comes
 * from, and how a function's name leads to the host's implementation.
 */
import type { HostFunctions } from '../../component/link.ts';
import { GuestFault } from '../result-error.ts';
import { camelCase } from './abi-rules.ts';
import { CLI_SIGNATURES } from './cli.ts';
import { CLOCKS_SIGNATURES } from './clocks.ts';
import { FILESYSTEM_SIGNATURES } from './filesystem.ts';
import type { HostCall } from './host-function.ts';
import { HTTP_SIGNATURES } from './http.ts';
import { IO_SIGNATURES } from './io.ts';
import { RANDOM_SIGNATURES } from './random.ts';
import { normalized, readSignature } from './signature.ts';
import { SOCKETS_SIGNATURES } from './sockets.ts';

export const SIGNATURES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ...HTTP_SIGNATURES,
  ...IO_SIGNATURES,
  ...CLI_SIGNATURES,
  ...CLOCKS_SIGNATURES,
  ...RANDOM_SIGNATURES,
  ...FILESYSTEM_SIGNATURES,
  ...SOCKETS_SIGNATURES,
};

/** Every resource of the provided interfaces, and the one interface that defines it. */
export const RESOURCE_HOMES: Readonly<Record<string, string>> = {
  descriptor: 'wasi:filesystem/types',
  'directory-entry-stream': 'wasi:filesystem/types',
  error: 'wasi:io/error',
  fields: 'wasi:http/types',
  'future-incoming-response': 'wasi:http/types',
  'future-trailers': 'wasi:http/types',
  'incoming-body': 'wasi:http/types',
  'incoming-datagram-stream': 'wasi:sockets/udp',
  'incoming-request': 'wasi:http/types',
  'incoming-response': 'wasi:http/types',
  'input-stream': 'wasi:io/streams',
  network: 'wasi:sockets/network',
  'outgoing-body': 'wasi:http/types',
  'outgoing-datagram-stream': 'wasi:sockets/udp',
  'outgoing-request': 'wasi:http/types',
  'outgoing-response': 'wasi:http/types',
  'output-stream': 'wasi:io/streams',
  pollable: 'wasi:io/poll',
  'request-options': 'wasi:http/types',
  'resolve-address-stream': 'wasi:sockets/ip-name-lookup',
  'response-outparam': 'wasi:http/types',
  'tcp-socket': 'wasi:sockets/tcp',
  'terminal-input': 'wasi:cli/terminal-input',
  'terminal-output': 'wasi:cli/terminal-output',
  'udp-socket': 'wasi:sockets/udp',
};

/** Resources of which no guest ever gets one: whatever is called on them ends in the same fault. */
const NEVER_GIVEN = new Set([
  'incoming-datagram-stream',
  'outgoing-datagram-stream',
  'resolve-address-stream',
  'tcp-socket',
  'udp-socket',
]);

/** Functions that may have to wait. None of them has a core result: what they give goes through memory. */
export const BLOCKING_FUNCTIONS: ReadonlySet<string> = new Set([
  '[method]pollable.block',
  'poll',
  '[method]input-stream.blocking-read',
  '[method]input-stream.blocking-skip',
  '[method]output-stream.blocking-write-and-flush',
  '[method]output-stream.blocking-flush',
  '[method]output-stream.blocking-write-zeroes-and-flush',
  '[method]output-stream.blocking-splice',
]);

/** Functions that look at the bytes they are given only while they are called, or copy them. */
export const LENDING_FUNCTIONS: ReadonlySet<string> = new Set([
  '[method]output-stream.write',
  '[method]output-stream.blocking-write-and-flush',
]);

const FUNCTION_NAME = /^\[(constructor|method|static)\]([a-z0-9-]+)(?:\.([a-z0-9-]+))?$/;

/** The signature of a function, `undefined` where Ebb has none, `never` where it can only be called in vain. */
export function signatureOf(interfaceName: string, functionName: string): string | undefined {
  const functions = Object.hasOwn(SIGNATURES, interfaceName) ? SIGNATURES[interfaceName] : undefined;
  if (functions && Object.hasOwn(functions, functionName))
    return normalized(functions[functionName] as string);
  const [, kind, resource = ''] = FUNCTION_NAME.exec(functionName) ?? [];
  const isVain = kind === 'method' && NEVER_GIVEN.has(resource) && RESOURCE_HOMES[resource] === interfaceName;
  return isVain ? NEVER : undefined;
}

/** Stands for the signature of a method whose resource no guest ever holds. */
export const NEVER = 'never';

type Callable = (...args: unknown[]) => unknown;
type Constructor = new (...args: unknown[]) => object;

const pascalCase = (name: string): string => camelCase(`-${name}`);

/** A resource's class, under the name that generated bindings would ask the interface for. */
function classOf(host: HostFunctions, interfaceName: string, resource: string): Constructor {
  const found = (host[interfaceName] as Readonly<Record<string, unknown>> | undefined)?.[
    pascalCase(resource)
  ];
  if (typeof found !== 'function') throw new Error(`${interfaceName} lacks the resource ${resource}`);
  return found as Constructor;
}

function methodCall(host: HostFunctions, interfaceName: string, resource: string, name: string): HostCall {
  const method = classOf(host, interfaceName, resource).prototype[camelCase(name)] as Callable;
  if (typeof method !== 'function') throw new Error(`${resource} of ${interfaceName} lacks ${name}`);
  const text = SIGNATURES[interfaceName]?.[`[method]${resource}.${name}`] as string;
  if (readSignature(text).params.length > 3) return ([self, ...rest]) => method.apply(self, rest);
  return ([self, one, two]) => method.call(self, one, two);
}

function plainCall(owner: object, name: string): HostCall {
  const call = (owner as Readonly<Record<string, unknown>>)[name];
  if (typeof call !== 'function') throw new Error(`the host lacks ${name}`);
  return ([one, two]) => (call as Callable).call(owner, one, two);
}

/** Finds what implements a function; only ever asked for names that have a signature. */
export function hostCall(host: HostFunctions, interfaceName: string, functionName: string): HostCall {
  const [, kind, resource = '', name = ''] = FUNCTION_NAME.exec(functionName) ?? [];
  switch (kind) {
    case 'constructor': {
      const Class = classOf(host, interfaceName, resource);
      return ([one]) => new Class(one);
    }
    case 'method':
      return methodCall(host, interfaceName, resource, name);
    case 'static':
      return plainCall(classOf(host, interfaceName, resource), camelCase(name));
    default:
      return plainCall(host[interfaceName] as object, camelCase(functionName));
  }
}

/** What a method of `NEVER` does. */
export function vainCall(functionName: string): never {
  throw new GuestFault(
    `expected a handle for ${functionName}, got one that is unknown: no socket is ever open`,
  );
}
