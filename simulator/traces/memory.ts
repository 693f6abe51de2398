/** Memory sizes as traces write them. */
import { BYTES_PER_MB } from '../../metering/units.ts';
import { type Place, rowFault, shown } from './fault.ts';

const MEMORY_MB_MAX = 2 ** 24;

/** MB (2^20 bytes), decimals allowed, in bytes. @throws CodedError `trace-invalid` */
export function memoryBytes(text: string, place: Place, column: string): number {
  const mb = text === '' ? Number.NaN : Number(text);
  if (mb >= 0 && mb <= MEMORY_MB_MAX) return Math.round(mb * BYTES_PER_MB);
  throw rowFault(place, column, `memory of 0 to ${MEMORY_MB_MAX} MB`, shown(text));
}
