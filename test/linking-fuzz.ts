/**
 * Seeded fuzzing of direct linking: mutated components through reading and planning, and random core values through
 * every host function. Each outcome must be one that Ebb foresees; anything else is thrown.
 */

import { fileURLToPath } from 'node:url';
import { checkContract } from '../host/component/contract.ts';
import { planDirect } from '../host/component/direct-plan.ts';
import { parseComponent } from '../host/component/parse.ts';
import type { AbiSide, Flat } from '../host/wasi/core/abi-rules.ts';
import { abiType } from '../host/wasi/core/abi-types.ts';
import { GuestCalls } from '../host/wasi/core/guest-calls.ts';
import { GuestMemory } from '../host/wasi/core/guest-memory.ts';
import { HandleTable } from '../host/wasi/core/handle-table.ts';
import { type CoreFunction, coreFunction, dropFunction } from '../host/wasi/core/host-function.ts';
import { hostCall, RESOURCE_HOMES, SIGNATURES } from '../host/wasi/core/interfaces.ts';
import { readSignature, type WitSignature } from '../host/wasi/core/signature.ts';
import { STRING_CODECS } from '../host/wasi/core/strings.ts';
import { CurrentContext } from '../host/wasi/current-context.ts';
import type { Execution } from '../host/wasi/execution.ts';
import { Descriptor } from '../host/wasi/files/descriptor.ts';
import { hostFunctions } from '../host/wasi/imports.ts';
import { CodedError } from '../metering/errors.ts';
import { RandomStream } from '../simulator/kernel/random.ts';
import { executionFor, portFor } from './linking-harness.ts';

/** Whole numbers below a bound, the same ones for the same seed. */
export function seeded(seed: number): (below: number) => number {
  const stream = new RandomStream(seed, 'linking');
  return (below) => Math.floor(stream.uniform() * below);
}

const HOSTILE_BYTES = [0x00, 0x01, 0x03, 0x0b, 0x10, 0x3f, 0x40, 0x42, 0x6a, 0x7f, 0x80, 0xff] as const;

/** A component with one to eight faults in it. */
export function mutated(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let mutant = bytes.slice();
  for (let faults = 1 + random(8); faults > 0 && mutant.length > 8; faults--) {
    // The preamble is left alone, since every fault in it ends in the same early refusal.
    const at = 8 + random(mutant.length - 8);
    switch (random(5)) {
      case 0:
        mutant[at] = random(256);
        break;
      case 1:
        mutant[at] = HOSTILE_BYTES[random(HOSTILE_BYTES.length)] as number;
        break;
      case 2:
        mutant = mutant.slice(0, at);
        break;
      case 3:
        mutant = Uint8Array.from(Buffer.concat([mutant.subarray(0, at), mutant.subarray(at + random(40))]));
        break;
      default: {
        const from = 8 + random(mutant.length - 8);
        const copied = mutant.subarray(from, from + random(40));
        mutant = Uint8Array.from(Buffer.concat([mutant.subarray(0, at), copied, mutant.subarray(at)]));
      }
    }
  }
  return mutant;
}

export type PlanOutcome = 'proven' | 'planned' | 'unfit' | 'refused';

/** Reads and plans; throws what is no refusal. */
export function planOutcome(bytes: Uint8Array): PlanOutcome {
  try {
    const outline = parseComponent(bytes);
    checkContract(outline);
    const handler = outline.exports.find((name) => name.startsWith('wasi:http/incoming-handler@')) as string;
    const planned = planDirect(bytes, handler);
    if ('unfit' in planned) return 'unfit';
    return planned.isProven ? 'proven' : 'planned';
  } catch (thrown) {
    if (thrown instanceof CodedError && thrown.code !== 'internal') return 'refused';
    throw thrown;
  }
}

interface Callee {
  readonly name: string;
  readonly call: CoreFunction;
  readonly kinds: readonly string[];
  readonly signature: WitSignature;
}

const PAGES = 4;
const MEMORY_BYTES = PAGES * 65_536;

/** Read and never changed, whatever comes. */
const FOLDER = {
  hostPath: fileURLToPath(new URL('.', import.meta.url)).replace(/\/$/, ''),
  guestPath: '/test',
};

/** Every host function, with a memory and a handle table, called with whatever comes. */
export class CallFuzzer {
  readonly #random: (below: number) => number;
  readonly #calls = new GuestCalls();
  readonly #handles = new HandleTable();
  readonly #memory: WebAssembly.Memory;
  readonly #callees: readonly Callee[];
  readonly #context = new CurrentContext(this.#calls);
  #execution: Execution | undefined;

  constructor(seed: number) {
    this.#random = seeded(seed);
    this.#memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    const host = hostFunctions(this.#context);
    const memory = new GuestMemory();
    memory.attach(this.#memory);
    memory.attachRealloc((_old, _oldBytes, _align, bytes) => this.#allocated(bytes));
    const side: AbiSide = { memory, handles: this.#handles, strings: STRING_CODECS.utf8 };
    const drops = Object.keys(RESOURCE_HOMES).map((resource) => ({
      name: `drop ${resource}`,
      call: dropFunction(resource, this.#handles, this.#calls),
      kinds: ['i32'],
      signature: { params: [{ kind: 'borrow', resource }], result: undefined } as WitSignature,
    }));
    const functions = Object.entries(SIGNATURES).flatMap(([interfaceName, texts]) =>
      Object.entries(texts).map(([name, text]) => {
        const signature = readSignature(text);
        const flat = signature.params.flatMap((type) => abiType(type).flat);
        const call = coreFunction(text, hostCall(host, interfaceName, name), side, this.#calls);
        // One more for the pointer to the result, which those that have none ignore.
        return { name: `${interfaceName} ${name}`, call, kinds: [...flat, 'i32'], signature };
      }),
    );
    this.#callees = [...functions, ...drops];
  }

  get functionCount(): number {
    return this.#callees.length;
  }

  /** A sane place most of the time. */
  #allocated(bytes: number): number {
    const random = this.#random;
    if (random(20) === 0) return random(2 ** 32);
    return bytes < MEMORY_BYTES ? random((MEMORY_BYTES - bytes) / 8 + 1) * 8 : random(MEMORY_BYTES);
  }

  #value(kind: string): Flat {
    const random = this.#random;
    const number = [
      random(8),
      random(64),
      random(MEMORY_BYTES / 8) * 8,
      random(2 ** 32),
      2 ** 32 - 1 - random(16),
    ][random(5)] as number;
    if (kind === 'i32') return number | 0;
    return random(2) === 0 ? BigInt(number) : BigInt(number) * BigInt(random(2 ** 32)) - 1n;
  }

  /** What the guest's memory holds when it calls: pointers and lengths that often make sense. */
  #scribble(): void {
    const view = new Int32Array(this.#memory.buffer);
    for (let left = 16; left > 0; left--) view[this.#random(view.length)] = this.#value('i32') as number;
  }

  /** A new instance's worth of handles. */
  restart(): void {
    this.#calls.reset();
    this.#handles.clear();
    this.#execution?.abandon();
    const ask = { body: 'body', headers: [['a', 'b']], preopens: [FOLDER] } as const;
    const execution = executionFor(ask, portFor(ask), () => undefined);
    this.#execution = execution;
    this.#context.begin(execution);
    this.#handles.add('incoming-request', execution.request);
    this.#handles.add('response-outparam', execution.outparam);
    this.#handles.add('descriptor', new Descriptor(this.#context, { folder: FOLDER.hostPath }));
    const file = execution.files.openFile(fileURLToPath(import.meta.url));
    this.#handles.add('descriptor', new Descriptor(this.#context, { file }));
  }

  /** Calls one function. Gives whether it trapped; throws what no host function may throw. */
  step(): 'value' | 'trap' {
    const callee = this.#callees[this.#random(this.#callees.length)] as Callee;
    this.#scribble();
    const args = callee.kinds.map((kind) => this.#value(kind));
    // What the engine checks before the host is called: BigInt for i64, numbers for i32.
    try {
      const result = callee.call(...args);
      if (result !== undefined && typeof result !== 'number' && typeof result !== 'bigint') {
        throw new Error(`${callee.name} gave ${String(result)}`);
      }
      return 'value';
    } catch (thrown) {
      if (isForeseen(thrown)) return 'trap';
      throw new Error(`${callee.name}(${args.join(', ')}) threw ${String(thrown)}`, { cause: thrown });
    } finally {
      if (this.#calls.hasFailed) this.restart();
    }
  }
}

const FORESEEN = /^(GuestFault|GuestExit|RangeError|FakeStop)$/;
const isForeseen = (thrown: unknown): boolean => FORESEEN.test((thrown as Error).constructor.name);
