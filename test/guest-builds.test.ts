/** From a guest's source to a component, and what is said when there can be none. */
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BuildStage, buildGuest } from '../guests/build.ts';
import { onHost } from './guest-answers.ts';
import { CORNERS, HELLO, scratchFolder, sourceFile } from './guest-sources.ts';

describe('a build', () => {
  test('tells its stages and writes the whole component to its output', async () => {
    const source = await sourceFile('guest', HELLO);
    const out = join(dirname(source), 'guest.wasm');
    const stages: BuildStage[] = [];
    const { component } = await buildGuest({ source, out, onProgress: (stage) => stages.push(stage) });
    expect(stages).toEqual(['compile', 'component', 'write']);
    expect(Buffer.compare(await readFile(out), component)).toBe(0);
    expect(await readdir(dirname(source))).toEqual(['guest.ts', 'guest.wasm']);
  });

  test('gives the same bytes for the same source, wherever it lies', async () => {
    const [one, two] = [await sourceFile('guest', HELLO), await sourceFile('guest', HELLO)];
    const first = await buildGuest({ source: one });
    const second = await buildGuest({ source: two });
    expect(Buffer.compare(first.component, second.component)).toBe(0);
  });

  test('follows imports of files beside the source, and ignores compiler settings there', async () => {
    const source = await sourceFile(
      'my guest',
      HELLO.replace("'hi'", 'words()').replace('\n', "\nimport { words } from './words';\n"),
    );
    await writeFile(
      join(dirname(source), 'words.ts'),
      "export function words(): string { return 'from beside'; }\n",
    );
    await writeFile(join(dirname(source), 'asconfig.json'), '{ "options": { "runtime": "nonsense" } }');
    const guest = await onHost((await buildGuest({ source })).component);
    expect(guest({}).text).toBe('from beside');
  });

  test('takes a handle that is exported from elsewhere or has another parameter name', async () => {
    const source = await sourceFile('guest', "export { handle } from './real';\n");
    const real = HELLO.replace('Request,', 'Request as Asked,').replace('request: Request', 'asked: Asked');
    await writeFile(join(dirname(source), 'real.ts'), real);
    expect((await buildGuest({ source })).componentBytes).toBeLessThan(10_000);
  });

  test('takes every example of the README', async () => {
    const readme = await readFile(new URL('../guests/README.md', import.meta.url), 'utf8');
    const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, text]) => text!);
    expect(examples.length).toBeGreaterThan(1);
    for (const text of examples) await buildGuest({ source: await sourceFile('guest', text) });
  });

  test('may run beside another one', async () => {
    const sources = await Promise.all([sourceFile('guest', HELLO), sourceFile('guest', CORNERS)]);
    const [hello, corners] = await Promise.all(sources.map((source) => buildGuest({ source })));
    expect(hello!.componentBytes).toBe((await buildGuest({ source: sources[0]! })).componentBytes);
    expect(hello!.componentBytes).toBeLessThan(corners!.componentBytes);
  });

  test('reports warnings with their place', async () => {
    const source = await sourceFile(
      'guest',
      HELLO.replace('return', 'const x: i32 = changetype<usize>(request);\n  return'),
    );
    const { warnings } = await buildGuest({ source });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/AS201.*in guest\.ts\(3,/s);
  });
});

const OWN_IMPORT = `// @ts-ignore: decorator
@external('cm32p2|wasi:thing/of@0.2', 'x')
declare function x(): i32;
`;

describe('a build refuses', () => {
  const refusal = (source: string, out?: string) =>
    buildGuest(out === undefined ? { source } : { source, out }).then(
      () => expect.unreachable('the build went through'),
      (thrown: unknown) => thrown,
    );

  test.each([
    ['a wrong type', HELLO.replace("Response.text('hi')", "'hi'"), /ERROR TS2322.*in guest\.ts\(3,10\)/s],
    ['a syntax error', HELLO.replace('return', 'return ]'), /ERROR TS\d+.*in guest\.ts\(3,10\)/s],
    ['an unknown name', HELLO.replace("'hi'", 'nothing'), /ERROR TS2304.*in guest\.ts\(3,24\)/s],
    ['no import of Request', HELLO.replace(/^.*\n/, ''), /ERROR TS2304.*in guest\.ts\(1,33\)/s],
    ['an unknown module', `import { a } from './gone';\n${HELLO}`, /ERROR TS\d+.*in guest\.ts\(1,19\)/s],
    [
      'an unknown type in handle',
      HELLO.replace('request: Request', 'request: Req'),
      /ERROR TS2304.*in guest\.ts\(2,/s,
    ],
  ])('%s, with file, line and column', async (_case, text, message) => {
    expect(await refusal(await sourceFile('guest', text))).toMatchObject({
      code: 'build-failed',
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ['no handle', HELLO.replace('export ', ''), /found no export of that name/],
    ['an empty file', '', /found no export of that name/],
    ['a handle that is no function', 'export const handle: i32 = 1;\n', /is no function/],
    [
      'a handle of another type',
      'export function handle(): i32 { return 1; }\n',
      /found handle\(\): i32 at guest\.ts\(1,/,
    ],
    [
      'two parameters',
      HELLO.replace('Request):', 'Request, n: i32):'),
      /found handle\(request: Request, n: i32\)/,
    ],
    ['a nullable response', HELLO.replace('): Response', '): Response | null'), /found .*Response \| null/],
    [
      'a Request of its own',
      `class Request {}\n${HELLO.replace('Request, ', '')}`,
      /found handle\(request: Request\)/,
    ],
    ['a generic handle', HELLO.replace('handle(', 'handle<T>('), /found handle/],
  ])('%s, naming what was expected and what came', async (_case, text, found) => {
    const refused = await refusal(await sourceFile('guest', text));
    expect(refused).toMatchObject({ code: 'build-failed', message: expect.stringMatching(found) });
    expect(refused).toMatchObject({
      message: expect.stringContaining(
        'expected export function handle(request: Request): Response in guest.ts',
      ),
    });
  });

  test.each([
    ['Date.now', HELLO.replace("'hi'", 'Date.now().toString()'), /Date\.now/],
    ['Math.random', HELLO.replace("'hi'", 'Math.random().toString()'), /Math\.random/],
    ['an unknown interface', HELLO.replace("'hi'", 'x().toString()') + OWN_IMPORT, /wasi:thing\/of/],
  ])('a use of what no host has: %s', async (_case, text, message) => {
    expect(await refusal(await sourceFile('guest', text))).toMatchObject({
      code: 'build-failed',
      message: expect.stringMatching(message),
    });
  });

  test('a source that is missing, or is not a .ts file', async () => {
    const scratch = await scratchFolder();
    expect(await refusal(join(scratch, 'nowhere.ts'))).toMatchObject({ code: 'file-unreadable' });
    expect(await refusal(join(scratch, 'guest.wasm'))).toMatchObject({ code: 'usage' });
  });

  test('an output that is the source, by name or through a link', async () => {
    const source = await sourceFile('guest', HELLO);
    const link = join(dirname(source), 'link.wasm');
    await symlink(source, link);
    expect(await refusal(source, source)).toMatchObject({ code: 'usage' });
    expect(await refusal(source, link)).toMatchObject({ code: 'usage' });
    expect(await readFile(source, 'utf8')).toBe(HELLO);
  });

  test('an output that cannot be written, and leaves nothing behind', async () => {
    const source = await sourceFile('guest', HELLO);
    const folder = join(dirname(source), 'out.wasm');
    await mkdir(join(folder, 'inner'), { recursive: true });
    expect(await refusal(source, folder)).toMatchObject({ code: 'file-unwritable' });
    expect(await refusal(source, join(dirname(source), 'no/such/out.wasm'))).toMatchObject({
      code: 'file-unwritable',
    });
    expect(await readdir(dirname(source))).toEqual(['guest.ts', 'out.wasm']);
  });
});
