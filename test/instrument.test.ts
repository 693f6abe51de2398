/** Rewritten core modules: valid, the same to their users, and refused with a code where they cannot be had. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXAMPLES } from '../guests/build.ts';
import { compileGuest } from '../guests/compile.ts';
import { CORE_SECTION } from '../host/component/core-format.ts';
import { Cursor } from '../host/component/instrument/cursor.ts';
import type { GuardOptions } from '../host/component/instrument/guards.ts';
import { instrument } from '../host/component/instrument/instrument.ts';
import { IMMEDIATE, PLAIN_FORMS, PREFIXED_FORMS } from '../host/component/instrument/opcodes.ts';
import { Refusal } from '../host/component/instrument/refusal.ts';
import { readSections } from '../host/component/instrument/sections.ts';
import { Walker } from '../host/component/instrument/walk.ts';
import { LimitCells } from '../host/component/limit-cells.ts';
import { FUEL_OPTIONS, fromText, instantiated, OPTIONS, outcomeOf, rewritten } from './instrument-kit.ts';
import { type Draw, randomProgram } from './instrument-programs.ts';

const BOTH: GuardOptions = { ...OPTIONS, fuel: true };
const NEITHER: GuardOptions = { deadline: false, fuel: false, growth: false };
const ALL_OPTIONS = [OPTIONS, FUEL_OPTIONS, BOTH, NEITHER];
const FUEL = 1n << 60n;
/** The opcode of an atomic read of one byte, which no other code of these tests has. */
const STOP_READ = '\xfe\x12';

const packages = join(import.meta.dirname, '..', 'node_modules', '@bytecodealliance');
/** Of StarlingMonkey, wasm-tools, jco and its adapters: 13 MB down to 14 KB. */
const toolchainModules = globSync('{componentize-js/lib,jco-transpile/vendor,jco/lib}/*.wasm', {
  cwd: packages,
});
const readModule = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(join(packages, name)));

const isValid = (bytes: Uint8Array<ArrayBuffer>): boolean => WebAssembly.validate(bytes);

describe('instrumented modules', () => {
  it('are valid for what toolchains make, up to engines of 13 MB', () => {
    expect(toolchainModules.length).toBeGreaterThan(8);
    for (const name of toolchainModules) {
      const module = readModule(name);
      if (!isValid(module)) continue;
      for (const options of [OPTIONS, BOTH]) {
        expect(isValid(rewritten(module, options).module), name).toBe(true);
      }
    }
  });

  it('are valid for the guests of Ebb, and keep what these import and export', async () => {
    for (const { name, source } of EXAMPLES) {
      const { core } = await compileGuest(source);
      const plain = new WebAssembly.Module(new Uint8Array(core));
      for (const options of ALL_OPTIONS) {
        const { module, memories } = rewritten(core, options);
        const compiled = new WebAssembly.Module(module);
        expect(WebAssembly.Module.exports(compiled), name).toEqual(WebAssembly.Module.exports(plain));
        const own = { module: 'ebb', kind: 'memory' };
        expect(WebAssembly.Module.imports(compiled), name).toMatchObject([
          ...WebAssembly.Module.imports(plain),
          ...memories.map((memory) => ({ ...own, name: memory.name })),
          { ...own, name: 'limits' },
        ]);
      }
    }
  });

  it('give the same results, traps, memory and globals as before', async () => {
    const programs = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 40, maxLength: 300 });
    let traps = 0;
    await fc.assert(
      fc.asyncProperty(programs, fc.integer(), fc.integer(), async (numbers, a, b) => {
        let at = 0;
        const draw: Draw = (count) => (numbers[at++ % numbers.length] as number) % count;
        const module = await fromText(randomProgram(draw));
        expect(isValid(module)).toBe(true);
        const plain = seen(new WebAssembly.Instance(new WebAssembly.Module(module)).exports, a, b);
        if (plain.outcomes.some((outcome) => outcome.startsWith('threw'))) traps++;
        for (const options of ALL_OPTIONS) {
          const cells = new LimitCells();
          cells.fuelLeft = FUEL;
          const exports = instantiated(rewritten(module, options), cells);
          expect(seen(exports, a, b)).toEqual(plain);
        }
      }),
      { seed: 7, numRuns: 250, endOnFailure: true },
    );
    expect(traps).toBeGreaterThan(10);
  });

  it('have checks in long straight code too, and none in what is short and calls nothing', async () => {
    const sizes = async (text: string) => {
      const module = await fromText(`(module ${text})`);
      const bodies = [...functionBodies(rewritten(module).module)];
      return bodies.map((body) => Buffer.from(bytesOf(body)).toString('latin1').split(STOP_READ).length - 1);
    };
    const skipping = `(block (br_if 0 (local.get 0)) ${'(nop)'.repeat(3_000)})`;
    expect(await sizes(`(func (nop)) (func (call 0)) (func ${'(nop)'.repeat(10_000)})`)).toEqual([0, 1, 9]);
    // Whoever jumps over the checks inside of a block meets one soon behind it.
    expect(await sizes(`(func (param i32) ${skipping.repeat(3)})`)).toEqual([9]);
    expect(await sizes('(func (loop (br 0))) (func (drop (i32.const 1)) (return_call 0))')).toEqual([1, 1]);
  });

  it('keep every index: several memories, of 64-bit addresses and imported ones among them', async () => {
    const module = await fromText(`(module (import "e" "m" (memory 1)) (memory $a 1) (memory $b i64 1 5)
      (data (memory $a) (i32.const 0) "a") (data (memory $b) (i64.const 0) "b") (data "late")
      (table 3 (ref func) (ref.func $read)) (global i32 (i32.const 1))
      (elem (i32.const 0) $read) (elem declare func $start) (elem funcref (ref.null func))
      (func $start (memory.init $a 2 (i32.const 4) (i32.const 0) (i32.const 4))) (start $start)
      (func $read (export "read") (result i32) (memory.copy $a 0 (i32.const 8) (i32.const 0) (i32.const 4))
        (i32.add (i32.load8_u $a (i32.const 4)) (i32.add (i32.load8_u $b (i64.const 0)) (i32.load8_u $a (i32.const 8))))))`);
    const outer = new WebAssembly.Memory({ initial: 1 });
    new Uint8Array(outer.buffer)[0] = 7;
    for (const options of ALL_OPTIONS) {
      const cells = new LimitCells();
      cells.fuelLeft = FUEL;
      const guest = instantiated(rewritten(module, options), cells, { e: { m: outer } });
      expect(guest.read?.()).toBe('l'.charCodeAt(0) + 'b'.charCodeAt(0) + 7);
    }
  });

  it('cannot reach the cells of the host', async () => {
    const own = await fromText('(module (import "ebb" "limits" (memory 1 1 shared)))');
    expect(instrument(own, OPTIONS)).toMatchObject({ ok: false, code: 'name-taken' });
    // Each names memory 0 without having one: not valid, and it must not become so.
    const sneaky = [
      [7, [1, 1, 0x6d, 2, 0]],
      [10, [1, 7, 0, 0x41, 0, 0x2d, 0, 0, 0x0b]],
      [10, [1, 5, 0, 0x3f, 0, 0x1a, 0x0b]],
      [11, [1, 0, 0x41, 0, 0x0b, 1, 1]],
    ] as const;
    for (const [id, body] of sneaky) {
      const bytes = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, id, body.length, ...body]);
      expect(instrument(bytes, OPTIONS), `section ${id}`).toMatchObject({
        ok: false,
        code: 'module-malformed',
      });
    }
  });
});

interface Seen {
  readonly outcomes: readonly string[];
  readonly g: unknown;
  readonly memory: string;
}

function seen(exports: Readonly<Record<string, unknown>>, a: number, b: number): Seen {
  const outcomes = [0, 1, 2, 3].map((index) =>
    outcomeOf(() => (exports[`f${index}`] as (a: number, b: number) => number)(a, b)),
  );
  const { buffer } = exports.memory as WebAssembly.Memory;
  return {
    outcomes,
    g: (exports.g as { value: bigint }).value,
    memory: Buffer.from(buffer).toString('latin1'),
  };
}

/** The parts of a function body between which guards may come: locals first. */
function* functionBodies(module: Uint8Array): Generator<Cursor> {
  const section = readSections(module).find(({ id }) => id === CORE_SECTION.code);
  if (!section) return;
  const cursor = new Cursor(module, section.bodyStart, section.end);
  for (let left = cursor.u32(); left > 0; left--) yield cursor.slice(cursor.u32());
}

describe('the walk through code', () => {
  it('gives each function back byte by byte when nothing is put into it', () => {
    for (const name of toolchainModules.filter((each) => /splicer|wasm-tools|preview1/.test(each))) {
      const module = readModule(name);
      if (!isValid(module)) continue;
      const copies = [...functionBodies(rewritten(module, NEITHER).module)];
      const originals = [...functionBodies(module)];
      expect(copies.length).toBe(originals.length);
      const changed = originals.filter((body, index) =>
        Buffer.compare(bytesOf(body), bytesOf(copies[index] as Cursor)),
      );
      expect(changed).toEqual([]);
    }
  });

  it('knows exactly the instructions that the engine accepts, and where each ends', () => {
    const wrong: string[] = [];
    for (let opcode = 0; opcode < 0x100; opcode++) {
      if (PLAIN_FORMS[opcode] !== IMMEDIATE.prefix) wrong.push(...disagreement([opcode]));
    }
    for (const prefix of Object.keys(PREFIXED_FORMS).map(Number)) {
      for (let code = 0; code < 0x180; code++) {
        wrong.push(...disagreement(code < 0x80 ? [prefix, code] : [prefix, (code & 0x7f) | 0x80, code >> 7]));
      }
    }
    // Two of the custom descriptors proposal are switched off by their types, not by their opcodes.
    expect(wrong).toEqual(['251,32 is known to the engine alone', '251,33 is known to the engine alone']);
  });
});

const bytesOf = ({ bytes, offset, end }: Cursor): Uint8Array => bytes.subarray(offset, end);

/** Where the walk and the engine do not agree on one instruction whose immediates are all 0. */
function disagreement(opcode: readonly number[]): string[] {
  const zeros = new Array<number>(24).fill(0);
  const instruction = Uint8Array.from([...opcode, ...zeros]);
  let length: number | undefined;
  try {
    const cursor = new Cursor(instruction);
    new Walker(cursor, 1).next();
    length = cursor.offset;
  } catch (thrown) {
    if (!(thrown instanceof Refusal) || thrown.code !== 'opcode-unknown') throw thrown;
  }
  const fault = engineFault([...instruction.subarray(0, length ?? instruction.length)]);
  const engineKnows = !/(invalid|unexpected)( [a-z]+)? opcode|enable with/i.test(fault);
  if (engineKnows !== (length !== undefined))
    return [`${opcode} is known to ${engineKnows ? 'the engine' : 'Ebb'} alone`];
  // Too short, and the engine would take the `end` behind it for an immediate; too long, and it would find another one.
  const misses = /expected .* bytes|operators remaining|reached end|beyond|fell off/i.test(fault);
  return misses ? [`${opcode} has another length: ${fault}`] : [];
}

function engineFault(instruction: readonly number[]): string {
  const body = [0, 0x00, ...instruction, 0x0b];
  const code = [1, body.length, ...body];
  const types = [1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 4, 4, 1, 0x70, 0, 1, 5, 4, 1, 3, 1, 1];
  const more = [13, 3, 1, 0, 0, 6, 6, 1, 0x7f, 1, 0x41, 0, 0x0b, 9, 5, 1, 1, 0, 1, 0, 12, 1, 1];
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  try {
    new WebAssembly.Module(
      Uint8Array.from([...header, ...types, ...more, 10, code.length, ...code, 11, 3, 1, 1, 0]),
    );
    return '';
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

describe('broken modules', () => {
  it('are refused with a code wherever they are cut', async () => {
    const module = await fromText(randomProgram((count) => count >> 1));
    for (let end = 0; end < module.length; end++) {
      const result = instrument(module.subarray(0, end), OPTIONS);
      if (result.ok)
        expect(isValid(new Uint8Array(module.subarray(0, end))) || !isValid(result.module)).toBe(true);
      else expect(result.message).toMatch(/expected .* at offset \d+$/);
    }
  });

  it('never become valid, and never end in anything but a refusal', async () => {
    const { core } = await compileGuest((EXAMPLES[0] as (typeof EXAMPLES)[0]).source);
    const modules = [core, await fromText(randomProgram((count) => count - 1)), readModule(smallModule)];
    const change = fc.record({ at: fc.nat(), value: fc.nat({ max: 255 }) });
    fc.assert(
      fc.property(fc.nat({ max: 2 }), fc.array(change, { minLength: 1, maxLength: 4 }), (which, changes) => {
        const mutant = Uint8Array.from(modules[which] as Uint8Array);
        for (const { at, value } of changes) mutant[at % mutant.length] = value;
        expectNoWorse(mutant);
      }),
      { seed: 11, numRuns: 3_000 },
    );
  });
});

const smallModule = join('jco-transpile', 'vendor', 'wasm-tools.core2.wasm');

function expectNoWorse(mutant: Uint8Array<ArrayBuffer>): void {
  try {
    const result = instrument(mutant, OPTIONS);
    if (result.ok) expect(isValid(result.module)).toBe(isValid(mutant));
    else if (isValid(mutant)) expect(result.code).not.toBe('module-malformed');
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'component-invalid' });
  }
}
