/**
 * What follows each instruction's opcode: the table that tells where the next instruction begins. Holds every opcode
 * that V8 14.6 (Node 26) accepts without flags; whatever is not in it is unknown.
 * Source: WebAssembly 3.0 specification, appendix "Index of Instructions" (October 2025), and for the older
 * exception handling the proposal's legacy text; a test asks the engine about each entry and each gap.
 */

/** The forms of immediates. `refs` are indexes and counts whose value does not matter for rewriting. */
export const IMMEDIATE = {
  unknown: 0,
  none: 1,
  /** One LEB128 number: an index, a label, a constant. */
  number: 2,
  twoNumbers: 3,
  memoryAccess: 4,
  memoryIndex: 5,
  /** A data segment and a memory. */
  dataAndMemory: 6,
  twoMemories: 7,
  blockType: 8,
  branchTable: 9,
  valueTypes: 10,
  heapType: 11,
  /** Two flags, a label and two heap types. */
  castBranch: 12,
  tryTable: 13,
  byte: 14,
  fourBytes: 15,
  eightBytes: 16,
  sixteenBytes: 17,
  memoryAccessAndLane: 18,
  /** The opcode goes on with a number of its own. */
  prefix: 19,
} as const;
export type Immediate = (typeof IMMEDIATE)[keyof typeof IMMEDIATE];

/** Those that rewriting asks for; behind a prefix as `prefixed` gives them. */
export const OP = {
  unreachable: 0x00,
  nop: 0x01,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  throwRef: 0x0a,
  end: 0x0b,
  branch: 0x0c,
  branchIf: 0x0d,
  branchTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  callRef: 0x14,
  returnCallRef: 0x15,
  delegate: 0x18,
  catchAll: 0x19,
  drop: 0x1a,
  select: 0x1b,
  tryTable: 0x1f,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalSet: 0x24,
  tableSet: 0x26,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Equal: 0x46,
  i32NotEqual: 0x47,
  i32LessEqualUnsigned: 0x4d,
  i64NotEqual: 0x52,
  i64LessSigned: 0x53,
  i64LessEqualUnsigned: 0x58,
  i32Sub: 0x6b,
  i64Sub: 0x7d,
  i64Multiply: 0x7e,
  i64DivUnsigned: 0x80,
  i64ShiftRightUnsigned: 0x88,
  i64ExtendUnsigned: 0xad,
  branchOnNull: 0xd5,
  branchOnNonNull: 0xd6,
  gcPrefix: 0xfb,
  miscPrefix: 0xfc,
  vectorPrefix: 0xfd,
  atomicPrefix: 0xfe,
  i32Load: 0x28,
  i64Load: 0x29,
  i32Store: 0x36,
  i64Store: 0x37,
  memoryInit: 0xfc_008,
  dataDrop: 0xfc_009,
  memoryCopy: 0xfc_00a,
  memoryFill: 0xfc_00b,
  tableInit: 0xfc_00c,
  elementDrop: 0xfc_00d,
  tableCopy: 0xfc_00e,
  tableGrow: 0xfc_00f,
  tableFill: 0xfc_011,
  branchOnCast: 0xfb_018,
  branchOnCastFail: 0xfb_019,
} as const;

/** A prefixed opcode as one number: `0xfd_000` and the number behind the prefix. */
export const prefixed = (prefix: number, code: number): number => prefix * 0x1000 + code;

type Rows = readonly (readonly [first: number, last: number, form: keyof typeof IMMEDIATE])[];

function table(size: number, rows: Rows): Uint8Array {
  const forms = new Uint8Array(size);
  for (const [first, last, form] of rows) forms.fill(IMMEDIATE[form], first, last + 1);
  return forms;
}

export const PLAIN_FORMS = table(256, [
  [0x00, 0x01, 'none'],
  [0x02, 0x04, 'blockType'],
  [0x05, 0x05, 'none'],
  [0x06, 0x06, 'blockType'],
  [0x07, 0x09, 'number'],
  [0x0a, 0x0b, 'none'],
  [0x0c, 0x0d, 'number'],
  [0x0e, 0x0e, 'branchTable'],
  [0x0f, 0x0f, 'none'],
  [0x10, 0x10, 'number'],
  [0x11, 0x11, 'twoNumbers'],
  [0x12, 0x12, 'number'],
  [0x13, 0x13, 'twoNumbers'],
  [0x14, 0x15, 'number'],
  [0x18, 0x18, 'number'],
  [0x19, 0x1b, 'none'],
  [0x1c, 0x1c, 'valueTypes'],
  [0x1f, 0x1f, 'tryTable'],
  [0x20, 0x26, 'number'],
  [0x28, 0x3e, 'memoryAccess'],
  [0x3f, 0x40, 'memoryIndex'],
  [0x41, 0x42, 'number'],
  [0x43, 0x43, 'fourBytes'],
  [0x44, 0x44, 'eightBytes'],
  [0x45, 0xc4, 'none'],
  [0xd0, 0xd0, 'heapType'],
  [0xd1, 0xd1, 'none'],
  [0xd2, 0xd2, 'number'],
  [0xd3, 0xd4, 'none'],
  [0xd5, 0xd6, 'number'],
  [0xfb, 0xfe, 'prefix'],
]);

const GC_FORMS = table(31, [
  [0, 1, 'number'],
  [2, 5, 'twoNumbers'],
  [6, 7, 'number'],
  [8, 10, 'twoNumbers'],
  [11, 14, 'number'],
  [15, 15, 'none'],
  [16, 16, 'number'],
  [17, 19, 'twoNumbers'],
  [20, 23, 'heapType'],
  [24, 25, 'castBranch'],
  [26, 30, 'none'],
]);

const MISC_FORMS = table(18, [
  [0, 7, 'none'],
  [8, 8, 'dataAndMemory'],
  [9, 9, 'number'],
  [10, 10, 'twoMemories'],
  [11, 11, 'memoryIndex'],
  [12, 12, 'twoNumbers'],
  [13, 13, 'number'],
  [14, 14, 'twoNumbers'],
  [15, 17, 'number'],
]);

/** Numbers among the vector instructions that were never given away. */
const VECTOR_GAPS = [
  0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4,
  0xe2, 0xee,
] as const;

const VECTOR_FORMS = table(0x114, [
  [0x00, 0x0b, 'memoryAccess'],
  [0x0c, 0x0d, 'sixteenBytes'],
  [0x0e, 0x14, 'none'],
  [0x15, 0x22, 'byte'],
  [0x23, 0x53, 'none'],
  [0x54, 0x5b, 'memoryAccessAndLane'],
  [0x5c, 0x5d, 'memoryAccess'],
  [0x5e, 0xff, 'none'],
  ...VECTOR_GAPS.map((code) => [code, code, 'unknown'] as const),
  [0x100, 0x113, 'none'],
]);

const ATOMIC_FORMS = table(0x4f, [
  [0x00, 0x02, 'memoryAccess'],
  [0x03, 0x03, 'byte'],
  [0x10, 0x4e, 'memoryAccess'],
]);

/** Forms behind a prefix, by the number that follows it. */
export const PREFIXED_FORMS: Readonly<Record<number, Uint8Array>> = {
  [OP.gcPrefix]: GC_FORMS,
  [OP.miscPrefix]: MISC_FORMS,
  [OP.vectorPrefix]: VECTOR_FORMS,
  [OP.atomicPrefix]: ATOMIC_FORMS,
};
