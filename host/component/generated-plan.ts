/**
 * What jco makes of a component: linking code, and the word on whether the component is valid. Loads the generator, a
 * large program, when it is first asked for: most components are planned without it.
 */
import { CodedError } from '../../metering/errors.ts';
import { CurrentContext } from '../wasi/current-context.ts';
import { hostFunctions } from '../wasi/imports.ts';

export interface PlannedFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The linking code and the core modules that it asks for by name. */
export interface GeneratedFiles {
  readonly script: PlannedFile;
  readonly modules: readonly PlannedFile[];
}

const OPTIONS = {
  name: 'component',
  map: [] as [string, string][],
  instantiation: { tag: 'sync' } as const,
  noComponentErrorWrapping: true,
  noNodejsCompat: true,
  noTypescript: true,
  base64Cutoff: 0,
};

/** The innermost reason that the generator gives, on one line. */
function faultOf(payload: string): string {
  const lines = payload.split('\n').map((line) => line.trim());
  const reasons = lines.slice(lines.indexOf('Caused by:') + 1).filter((line) => line !== '');
  return reasons.join(': ');
}

async function generate(bytes: Uint8Array): Promise<readonly PlannedFile[] | undefined> {
  const generator = await import('./generator.ts');
  await generator.generatorReady;
  try {
    return generator.generate(bytes, OPTIONS).files.map(([name, content]) => ({
      name,
      bytes: new Uint8Array(content),
    }));
  } catch (thrown) {
    const { payload } = thrown as { readonly payload?: unknown };
    if (typeof payload !== 'string') return undefined;
    const cut = /unexpected end|unexpected EOF/i.test(payload);
    throw new CodedError(
      cut ? 'component-truncated' : 'component-invalid',
      `expected a valid component, got one with a fault: ${faultOf(payload)}`,
    );
  }
}

/** `const { getStderr, Error: Error$1 } = imports['wasi:cli/stderr'];`: what the code takes from each interface. */
const IMPORT_LINE = /^\s*const \{ ([^}]*) \} = imports\['([^']+)'\];$/gm;

/** Asked for names only, so there need be no execution behind it. */
const NAMES = hostFunctions(new CurrentContext({ canSuspend: false }));

/** Checks that the interfaces have what linking code takes from them. */
function checkFunctions(script: PlannedFile): void {
  const text = Buffer.from(script.bytes).toString('utf8');
  const unknown = [...text.matchAll(IMPORT_LINE)].flatMap(([, names = '', interfaceName = '']) => {
    const taken = names.split(', ').map((name) => name.split(':')[0] as string);
    const known = NAMES[interfaceName] ?? {};
    return taken.filter((name) => !(name in known)).map((name) => `${interfaceName} ${name}`);
  });
  if (unknown.length === 0) return;
  throw new CodedError(
    'component-import-unknown',
    `expected functions that wasi 0.2 has in its interfaces, got ${unknown.join(', ')}`,
    { unknown },
  );
}

/**
 * Validates a component as a whole, and makes code that links it.
 * @returns undefined where the generator itself broke down, which says nothing about the component.
 * @throws CodedError `component-invalid`, `component-truncated`, or `component-import-unknown` for functions that the
 * host's interfaces do not have.
 */
export async function generatedFiles(bytes: Uint8Array): Promise<GeneratedFiles | undefined> {
  const files = await generate(bytes);
  const script = files?.find(({ name }) => name.endsWith('.js'));
  if (!files || !script) return undefined;
  checkFunctions(script);
  return { script, modules: files.filter(({ name }) => name.endsWith('.wasm')) };
}
