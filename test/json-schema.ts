/** The part of JSON Schema (draft 2020-12) that the schema of price books uses, so that tests need no package. */

type Schema = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
};

/** What only describes. */
const SILENT = new Set(['$schema', '$defs', 'title', 'description', 'then']);

type Check = (rule: never, value: unknown, root: Schema, schema: Schema) => boolean;

const isNumber = (value: unknown): value is number => typeof value === 'number';

const CHECKS: Readonly<Record<string, Check>> = {
  type: (rule: string, value) => TYPES[rule]?.(value) ?? fail(rule),
  const: (rule: unknown, value) => rule === value,
  enum: (rule: readonly unknown[], value) => rule.includes(value),
  minLength: (rule: number, value) => typeof value !== 'string' || value.length >= rule,
  pattern: (rule: string, value) => typeof value !== 'string' || new RegExp(rule, 'u').test(value),
  minimum: (rule: number, value) => !isNumber(value) || value >= rule,
  maximum: (rule: number, value) => !isNumber(value) || value <= rule,
  exclusiveMinimum: (rule: number, value) => !isNumber(value) || value > rule,
  exclusiveMaximum: (rule: number, value) => !isNumber(value) || value < rule,
  minItems: (rule: number, value) => !Array.isArray(value) || value.length >= rule,
  maxItems: (rule: number, value) => !Array.isArray(value) || value.length <= rule,
  items: (rule: Schema, value, root) =>
    !Array.isArray(value) || value.every((item) => matches(rule, item, root)),
  required: (rule: readonly string[], value) =>
    !isObject(value) || rule.every((key) => value[key] !== undefined),
  properties: (rule: Readonly<Record<string, Schema>>, value, root) =>
    !isObject(value) ||
    Object.entries(rule).every(([key, of]) => value[key] === undefined || matches(of, value[key], root)),
  additionalProperties: (_rule: false, value, _root, schema) =>
    !isObject(value) || Object.keys(value).every((key) => Object.hasOwn(schema.properties as object, key)),
  $ref: (rule: string, value, root) => matches(resolve(rule, root), value, root),
  oneOf: (rule: readonly Schema[], value, root) => rule.filter((of) => matches(of, value, root)).length === 1,
  allOf: (rule: readonly Schema[], value, root) => rule.every((of) => matches(of, value, root)),
  if: (rule: Schema, value, root, schema) =>
    !matches(rule, value, root) || matches(schema.then as Schema, value, root),
};

function fail(what: string): never {
  throw new Error(`the test's walk through JSON Schema does not know ${what}`);
}

function resolve(ref: string, root: Schema): Schema {
  const name = /^#\/\$defs\/(.+)$/.exec(ref)?.[1] ?? fail(ref);
  return (root.$defs as Record<string, Schema>)[name] ?? fail(ref);
}

/** Whether the value is valid against the schema; a keyword that is not known here throws. */
export function matches(schema: Schema, value: unknown, root: Schema = schema): boolean {
  return Object.entries(schema).every(([keyword, rule]) => {
    if (SILENT.has(keyword)) return true;
    const check = CHECKS[keyword] ?? fail(keyword);
    return check(rule as never, value, root, schema);
  });
}
