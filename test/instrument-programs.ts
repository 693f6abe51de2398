/** Random core modules in text form, from a stream of numbers: they end by themselves, and some of them trap. */

/** Gives whole numbers from 0 to below `count`. */
export type Draw = (count: number) => number;

const BINARY = [
  'add',
  'sub',
  'mul',
  'and',
  'or',
  'xor',
  'shl',
  'shr_u',
  'rotl',
  'div_s',
  'rem_u',
  'eq',
  'lt_s',
];
const LOCALS = 4;

/** Every function: two parameters and two more locals of type i32, one local for each loop depth. */
class FunctionText {
  readonly #draw: Draw;
  readonly #index: number;
  readonly #isLegacy: boolean;
  #loops = 0;
  #room = 60;

  constructor(draw: Draw, index: number, isLegacy: boolean) {
    this.#draw = draw;
    this.#index = index;
    this.#isLegacy = isLegacy;
  }

  #pick<T>(of: readonly T[]): T {
    return of[this.#draw(of.length)] as T;
  }

  #local(): number {
    return this.#draw(LOCALS);
  }

  /** An expression of type i32. */
  value(depth: number): string {
    this.#room--;
    if (depth <= 0 || this.#room < 0) return this.#leaf();
    const deeper = () => this.value(depth - 1);
    switch (this.#draw(10)) {
      case 0:
        return `(i32.load8_u offset=${this.#draw(64)} (i32.and ${deeper()} (i32.const 0x1ffff)))`;
      case 1:
        return `(if (result i32) ${deeper()} (then ${this.statement(depth - 1)} ${deeper()}) (else ${deeper()}))`;
      case 2:
        return `(block $v${depth} (result i32) (drop (br_if $v${depth} ${deeper()} ${deeper()})) ${deeper()})`;
      case 3:
        return this.#call(deeper);
      case 4:
        return `(i32.wrap_i64 (i64.mul (i64.extend_i32_s ${deeper()}) (i64.const ${this.#draw(1_000_000)})))`;
      case 5:
        return `(i32.trunc_sat_f64_s (f64.div (f64.convert_i32_s ${deeper()}) (f64.convert_i32_u ${deeper()})))`;
      case 6:
        return this.#thrown(deeper());
      case 7:
        return this.#caught(deeper(), deeper());
      case 8:
        return `(i32x4.extract_lane 1 (i32x4.add (i32x4.splat ${deeper()}) (v128.const i32x4 1 2 3 4)))`;
      default:
        return `(i32.${this.#pick(BINARY)} ${deeper()} ${deeper()})`;
    }
  }

  #thrown(value: string): string {
    if (this.#isLegacy) return `(block (result i32) try (result i32) ${value} (throw $e) catch $e end)`;
    return `(block $t (result i32) (try_table (result i32) (catch $e $t) ${value} (throw $e)))`;
  }

  #caught(value: string, otherwise: string): string {
    if (this.#isLegacy) return `(block (result i32) try (result i32) ${value} catch_all ${otherwise} end)`;
    return `(block $o (result i32) (block $c (br $o (try_table (result i32) (catch_all $c) ${value}))) ${otherwise})`;
  }

  #leaf(): string {
    return this.#draw(3) === 0 ? `(i32.const ${this.#draw(300) - 20})` : `(local.get ${this.#local()})`;
  }

  /** Only functions before this one are called: nothing recurses. */
  #call(deeper: () => string): string {
    if (this.#index === 0) return deeper();
    const callee = this.#draw(this.#index);
    if (this.#draw(3) > 0) return `(call $f${callee} ${deeper()} ${deeper()})`;
    return `(call_indirect (type $f) ${deeper()} ${deeper()} (i32.const ${callee}))`;
  }

  statement(depth: number): string {
    this.#room--;
    if (depth <= 0 || this.#room < 0) return `(local.set ${this.#local()} ${this.#leaf()})`;
    const deeper = () => this.statement(depth - 1);
    const value = () => this.value(depth - 1);
    switch (this.#draw(9)) {
      case 0:
        return `(i32.store16 (i32.and ${value()} (i32.const 0xffff)) ${value()})`;
      case 1:
        return this.#loop(depth);
      case 2:
        return `(block $s${depth} ${deeper()} (br_if $s${depth} ${value()}) ${deeper()})`;
      case 3:
        return `(if ${value()} (then ${deeper()} ${deeper()}) (else ${deeper()}))`;
      case 4:
        return `(block $a${depth} (block $b${depth} (br_table $a${depth} $b${depth} ${value()})) ${deeper()})`;
      case 5:
        return `(memory.fill (i32.and ${value()} (i32.const 0xfff)) ${value()} (i32.const ${this.#draw(99)}))`;
      case 6:
        return this.#draw(6) === 0 ? `(if ${value()} (then (unreachable)))` : deeper();
      case 7:
        return `(global.set $g (i64.add (global.get $g) (i64.extend_i32_u ${value()})))`;
      default:
        return `(local.set ${this.#local()} ${value()})`;
    }
  }

  /** Counted down in a local of its own, so that it ends. */
  #loop(depth: number): string {
    if (this.#loops >= 3) return this.statement(depth - 1);
    const counter = LOCALS + this.#loops++;
    const body = `${this.statement(depth - 1)} ${this.statement(depth - 1)}`;
    const again = `(br_if $l (local.tee ${counter} (i32.sub (local.get ${counter}) (i32.const 1))))`;
    return `(local.set ${counter} (i32.const ${1 + this.#draw(20)})) (loop $l ${body} ${again})`;
  }
}

const FUNCTIONS = 4;

/** A module whose functions `f0` to `f3` take two numbers; `memory` and `g` show what they left behind. */
export function randomProgram(draw: Draw): string {
  // Engines take the older exception handling or the newer one, never both in one module.
  const isLegacy = draw(2) === 0;
  const functions = Array.from({ length: FUNCTIONS }, (_, index) => {
    const text = new FunctionText(draw, index, isLegacy);
    const body = `${text.statement(4)} ${text.statement(4)} ${text.value(5)}`;
    return `(func $f${index} (export "f${index}") (type $f) (local i32 i32 i32 i32 i32) ${body})`;
  });
  const names = functions.map((_, index) => `$f${index}`).join(' ');
  return `(module (type $f (func (param i32 i32) (result i32))) (tag $e (param i32))
    (memory (export "memory") 1 2) (global $g (export "g") (mut i64) (i64.const 0))
    (table funcref (elem ${names})) (data (i32.const 8) "some bytes") ${functions.join('\n')})`;
}
