/** Finds for each WIT type how the canonical ABI handles it. */
import { type AbiCase, enumOf, optionOf, variantOf } from './abi-choice.ts';
import { listOf, recordOf, tupleOf } from './abi-compound.ts';
import { flagsOf } from './abi-flags.ts';
import { BOOL, BYTES, handleOf, S32, STRING, U8, U16, U32, U64 } from './abi-plain.ts';
import { type AbiType, camelCase, complete, type Rules } from './abi-rules.ts';
import type { WitMember, WitType } from './signature.ts';

/** How a type is handled; the same object for the same type. */
export function abiType(wit: WitType): AbiType {
  const key = JSON.stringify(wit);
  const known = made.get(key);
  if (known) return known;
  const rules = complete(rulesOf(wit));
  made.set(key, rules);
  return rules;
}

const made = new Map<string, AbiType>();

const abiCase = ({ name, type }: WitMember<WitType | undefined>): AbiCase => ({
  name,
  type: type && abiType(type),
});

/** What WIT has, and no interface of the host. */
type Unused = 's8' | 's16' | 's64' | 'f32' | 'f64' | 'char';

function rulesOf(wit: WitType): Rules {
  switch (wit.kind) {
    case 'bool':
      return BOOL;
    case 'u8':
      return U8;
    case 'u16':
      return U16;
    case 'u32':
      return U32;
    case 's32':
      return S32;
    case 'u64':
      return U64;
    case 'string':
      return STRING;
    case 'own':
    case 'borrow':
      return handleOf(wit.kind, wit.resource);
    case 'list':
      return wit.of.kind === 'u8' ? BYTES : listOf(abiType(wit.of));
    case 'option':
      return optionOf(abiType(wit.of));
    case 'tuple':
      return tupleOf(wit.items.map(abiType));
    case 'record':
      return recordOf(
        wit.fields.map(({ name }) => camelCase(name)),
        wit.fields.map(({ type }) => abiType(type)),
      );
    case 'variant':
      return variantOf('variant', wit.cases.map(abiCase));
    case 'enum':
      return enumOf(wit.names);
    case 'flags':
      return flagsOf(wit.names);
    case 'result':
      return variantOf(
        'result',
        [
          { name: 'ok', type: wit.ok },
          { name: 'err', type: wit.err },
        ].map(abiCase),
      );
    default:
      throw new Error(`no host function has a value of type ${wit.kind satisfies Unused}`);
  }
}
