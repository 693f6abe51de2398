/** `ebb build`: compiles a guest written in AssemblyScript to a component. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { Output } from '../output.ts';

export function addBuild(program: Command, output: Output): void {
  program
    .command('build')
    .description('build a guest written in AssemblyScript into a wasi:http component')
    .argument('<source>', 'the guest, a .ts file with `export function handle(request: Request): Response`')
    .option('-o, --output <file>', 'where to write the component (default: the source name with .wasm)')
    .option('--json', 'print what was built as JSON')
    .action(async (source: string, options: { readonly output?: string; readonly json?: boolean }) => {
      const out = options.output ?? `${basename(source, '.ts')}.wasm`;
      // The compiler takes 100 MB and half a second, which no other command should pay.
      const { buildGuest } = await import('../../guests/build.ts');
      const built = await buildGuest({
        source,
        out,
        onProgress: (stage) => output.progress(`${source}: ${stage}`),
      });
      for (const warning of built.warnings) output.say(warning);
      const { componentBytes, coreBytes, elapsedMs } = built;
      if (options.json)
        output.json({ source, output: out, componentBytes, coreBytes, elapsedMs, warnings: built.warnings });
      else output.print(`built ${out}: ${componentBytes} bytes, core module ${coreBytes} bytes`);
    });
}
