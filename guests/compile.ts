/**
 * Compiles a guest's AssemblyScript source, with the SDK, to a core module that follows the canonical ABI. The one
 * door to the compiler; must not know components, or where the result is written.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { FunctionPrototype, type Program, type Type } from 'assemblyscript';
import { createMemoryStream, libraryFiles, main, type Transform } from 'assemblyscript/asc';
import binaryen from 'assemblyscript/binaryen';
import { CodedError } from '../metering/errors.ts';

const SDK_URL = new URL('./sdk/', import.meta.url);
const EXPECTED = 'export function handle(request: Request): Response';

/** The entry is no file: it lies in a folder whose name no guest has, beside the guest's source. */
const ENTRY_PATH = '~ebb/entry.ts';
const CORE_PATH = '~ebb/core.wasm';

/** Compiler names (left) of what the canonical ABI wants under names that are no identifiers (right). */
const EXPORTS: ReadonlyArray<readonly [string, string]> = [
  ['handle', 'cm32p2|wasi:http/incoming-handler@0.2|handle'],
  ['allocate', 'cm32p2_realloc'],
  ['initialize', 'cm32p2_initialize'],
];

const OPTIONS = [
  // An instance lives for one request: nothing is ever freed, so there is no collector to pay for.
  ...['--runtime', 'stub'],
  ...['--use', 'abort=~lib/ebb/log/abort'],
  // Module-level code of a guest may call the host, which a wasm start function could not.
  ...['--exportStart', 'initialize'],
  // Colours are on wherever CI is set, and their codes would hide where one message ends.
  '--noColors',
  ...['-O3', '--shrinkLevel', '2', '--converge'],
];

/** What the compiler made of a source. */
export interface CompiledGuest {
  readonly core: Uint8Array;
  /** Each with its place in the source, as the compiler words it. */
  readonly warnings: readonly string[];
}

/**
 * Compiles the guest at `source`, an absolute path.
 * @throws CodedError `file-unreadable` without such a file, `build-failed` with the compiler's words otherwise.
 */
export async function compileGuest(source: string): Promise<CompiledGuest> {
  await loadSdk();
  const text = await readSource(source);
  const emitted = new Map<string, Uint8Array>();
  const messages = createMemoryStream();
  const { error } = await main(
    [ENTRY_PATH, '--baseDir', dirname(source), '--outFile', CORE_PATH, ...OPTIONS],
    {
      stdout: createMemoryStream(),
      stderr: messages,
      readFile: (name, baseDir) => readForCompiler(name, baseDir, source, text),
      writeFile: (name, contents) => void emitted.set(name, Buffer.from(contents)),
      listFiles: () => [],
      transforms: [guestTransform(basename(source, '.ts'))],
    },
  );
  if (error instanceof CodedError) throw error;
  const said = splitMessages(messages.toString());
  const core = emitted.get(CORE_PATH);
  if (error !== null || core === undefined) {
    throw new CodedError(
      'build-failed',
      said.errors.join('\n\n') || (error?.message ?? 'the compiler made nothing'),
    );
  }
  return { core, warnings: said.warnings };
}

/** Puts the SDK where the compiler looks first, so that 'ebb' means the same in any folder. */
async function loadSdk(): Promise<void> {
  if ('ebb/index' in libraryFiles) return;
  const names = (await readdir(SDK_URL)).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, SDK_URL), 'utf8')));
  for (const [i, name] of names.entries()) libraryFiles[`ebb/${basename(name, '.ts')}`] = texts[i]!;
}

async function readSource(source: string): Promise<string> {
  try {
    return await readFile(source, 'utf8');
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new CodedError('file-unreadable', `expected a guest's source at ${source}: ${reason}`);
  }
}

async function readForCompiler(
  name: string,
  baseDir: string,
  source: string,
  text: string,
): Promise<string | null> {
  if (name === ENTRY_PATH) return entryText(basename(source, '.ts'));
  // A build depends on its sources alone, not on compiler settings that happen to lie beside them.
  if (basename(name) === 'asconfig.json') return null;
  const path = resolve(baseDir, name);
  if (path === source) return text;
  return readFile(path, 'utf8').catch(() => null);
}

/** The module that the component's exports come from: it owns the request for the time of `handle`. */
function entryText(guestName: string): string {
  return `import { handle as answer } from ${JSON.stringify(`../${guestName}`)};
import { Request } from 'ebb/request';
import { expectResponse } from 'ebb/response';
import 'ebb/log';
export { allocate } from 'ebb/memory';
export function handle(resource: i32, outparam: i32): void {
  expectResponse(outparam);
  const request = new Request(resource);
  const response = answer(request);
  request.drop();
  response.send();
}
`;
}

/** Checks the guest's `handle` before the compiler does, and gives the exports their ABI names after. */
function guestTransform(guestName: string): Transform {
  const hooks: Pick<Transform, 'afterInitialize' | 'afterCompile'> = {
    afterInitialize: (program) => checkHandle(program, guestName),
    afterCompile: (module) => {
      checkImports(module);
      renameExports(module);
    },
  };
  return hooks as Transform;
}

function checkHandle(program: Program, guestName: string): void {
  const handle = program.filesByName.get(guestName)?.lookupExport('handle');
  const expected = `expected ${EXPECTED} in ${guestName}.ts`;
  if (!handle) throw new CodedError('build-failed', `${expected}, found no export of that name`);
  if (!(handle instanceof FunctionPrototype)) {
    throw new CodedError('build-failed', `${expected}, found an export of that name that is no function`);
  }
  const { parameters, returnType, range } = handle.functionTypeNode;
  const { source } = range;
  const place = `${source.normalizedPath}(${source.lineAt(range.start)},${source.columnAt()})`;
  const came = `handle(${parameters.map((parameter) => parameter.range.toString()).join(', ')}): ${returnType.range}`;
  const wrong = new CodedError('build-failed', `${expected}, found ${came} at ${place}`);
  if (handle.typeParameterNodes?.length) throw wrong;
  const signature = program.resolver.resolveFunction(handle, null)?.signature;
  // What does not resolve is reported by the compiler itself, with its place.
  if (!signature) return;
  const [parameter, ...others] = signature.parameterTypes;
  const fits = parameter && others.length === 0 && isSdkClass(parameter, 'request/Request');
  if (!fits || !isSdkClass(signature.returnType, 'response/Response')) throw wrong;
}

function isSdkClass(type: Type, name: string): boolean {
  return type.classReference?.internalName === `~lib/ebb/${name}` && !type.isNullableReference;
}

/** The standard library reaches the outside by imports that only its own JavaScript loader provides. */
function checkImports(module: binaryen.Module): void {
  for (let i = 0; i < module.getNumFunctions(); i++) {
    const { module: from, base } = binaryen.getFunctionInfo(module.getFunctionByIndex(i));
    if (!from || from.startsWith('cm32p2|')) continue;
    const what = base === 'seed' ? 'Math.random' : `${base} of '${from}'`;
    throw new CodedError(
      'build-failed',
      `expected a guest that imports from 'ebb' or from WASI, found a use of ${what}, which no host provides`,
    );
  }
}

function renameExports(module: binaryen.Module): void {
  for (const [from, to] of EXPORTS) {
    const { value } = binaryen.getExportInfo(module.getExport(from));
    module.removeExport(from);
    module.addFunctionExport(value, to);
  }
  module.removeExport('memory');
  module.addMemoryExport('0', 'cm32p2_memory');
}

interface CompilerMessages {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Splits what the compiler printed: each message is a block that begins with its kind. */
function splitMessages(printed: string): CompilerMessages {
  const blocks = printed.split(/\n\n(?=ERROR|WARNING|FAILURE|INFO|PEDANTIC)/).map((block) => block.trim());
  return {
    errors: blocks.filter((block) => block.startsWith('ERROR')),
    warnings: blocks.filter((block) => block.startsWith('WARNING')),
  };
}
