/** The part of the WebAssembly JavaScript interface that Ebb uses; TypeScript ships it with the DOM alone. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>);
    static imports(
      module: Module,
    ): readonly { readonly module: string; readonly name: string; readonly kind: string }[];
    static exports(module: Module): readonly { readonly name: string; readonly kind: string }[];
  }
  class Memory {
    constructor(descriptor: {
      readonly initial: number | bigint;
      readonly maximum?: number | bigint;
      readonly shared?: boolean;
      readonly address?: 'i32' | 'i64';
    });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Table {
    set(index: number, value: unknown): void;
  }
  type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  /** An import that returns a promise to suspend its caller, which must have been called through `promising`. */
  class Suspending {
    constructor(call: (...args: never[]) => unknown);
  }
  function promising(exported: unknown): (...args: number[]) => Promise<unknown>;
  class RuntimeError extends Error {}
  class CompileError extends Error {}
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>;
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean;
}
