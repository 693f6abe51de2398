/** The types that can be referred to at some place in a component, by index. Knows no binary format. */
import { CodedError } from '../../metering/errors.ts';
import type { BinaryReader } from './binary.ts';

const invalid = (message: string): CodedError => new CodedError('component-invalid', message);

export type TypeEntry =
  | { readonly kind: 'value' | 'resource'; readonly text: string }
  /** `names` are those of its parameters, each with a comma behind it. */
  | { readonly kind: 'function'; readonly text: string; readonly names: string }
  /** Read again when it is imported, since only then its own resources have a home. */
  | { readonly kind: 'instance'; readonly reader: BinaryReader; readonly scope: TypeScope }
  | { readonly kind: 'component' };

/** The type indexes of a component, or of a type that has declarations inside. */
export class TypeScope {
  readonly entries: TypeEntry[] = [];
  readonly outer: TypeScope | undefined;
  /** The interface whose resources are declared here, without version. */
  readonly home: string | undefined;

  constructor(outer?: TypeScope, home?: string) {
    this.outer = outer;
    this.home = home;
  }

  get depth(): number {
    return this.outer === undefined ? 0 : this.outer.depth + 1;
  }

  at(index: number): TypeEntry {
    const entry = this.entries[index];
    if (entry) return entry;
    throw invalid(`expected a type index below ${this.entries.length}, got ${index}`);
  }

  outward(levels: number, index: number): TypeEntry {
    let scope: TypeScope | undefined = this;
    for (let left = levels; left > 0 && scope; left--) scope = scope.outer;
    if (!scope) throw invalid(`expected at most ${this.depth} enclosing scopes, got ${levels}`);
    return scope.at(index);
  }
}
