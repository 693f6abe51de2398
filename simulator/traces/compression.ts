/** Unpacks files that are packed, which are known by their first bytes and not by their names. */
import { pipeline, type Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { CodedError } from '../../metering/errors.ts';
import { bunzip2 } from './bzip2.ts';
import { parquetAsCsv } from './parquet-thread.ts';

interface Packing {
  readonly name: string;
  readonly magic: readonly number[];
  /** null for what is known but cannot be read. The path is for what cannot be read from its beginning on. */
  readonly unpack: ((packed: AsyncIterable<Uint8Array>, path: string) => AsyncIterable<Uint8Array>) | null;
}

/** Through one of Node's own streams. */
const through = (make: () => Transform) => (packed: AsyncIterable<Uint8Array>) => {
  const unpacked = make();
  // A failure reaches whoever reads `unpacked`, so there is nothing left to do here.
  pipeline(packed, unpacked, () => {});
  return unpacked as AsyncIterable<Uint8Array>;
};

const PACKINGS: readonly Packing[] = [
  { name: 'gzip', magic: [0x1f, 0x8b], unpack: through(createGunzip) },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: through(createZstdDecompress) },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68], unpack: bunzip2 },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], unpack: null },
  { name: 'zip', magic: [0x50, 0x4b, 0x03, 0x04], unpack: null },
  { name: 'Parquet', magic: [0x50, 0x41, 0x52, 0x31], unpack: (_, path) => parquetAsCsv(path) },
  { name: 'encrypted Parquet', magic: [0x50, 0x41, 0x52, 0x45], unpack: null },
];
const READABLE = PACKINGS.filter(({ unpack }) => unpack !== null).map(({ name }) => name);

/**
 * The file's bytes, unpacked if they are packed.
 * @throws CodedError `trace-format-unknown` for a packing that cannot be read, `trace-invalid` for a broken one.
 */
export async function* decompressed(path: string, raw: Readable): AsyncGenerator<Uint8Array> {
  const chunks = raw[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const first = await chunks.next();
  if (first.done) return;
  const packing = PACKINGS.find(({ magic }) => magic.every((byte, at) => first.value[at] === byte));
  if (packing === undefined) {
    yield first.value;
    yield* rest(chunks);
    return;
  }
  if (packing.unpack === null) {
    raw.destroy();
    throw new CodedError(
      'trace-format-unknown',
      `${path}: expected plain text or ${READABLE.join(' or ')}, got ${packing.name}; unpack it first`,
      { file: path, packing: packing.name },
    );
  }
  const packed = (async function* () {
    yield first.value;
    yield* rest(chunks);
  })();
  try {
    yield* packing.unpack(packed, path);
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    const { message } = thrown as Error;
    throw new CodedError('trace-invalid', `${path}: expected whole ${packing.name} data, got: ${message}`, {
      file: path,
    });
  } finally {
    raw.destroy();
  }
}

async function* rest(chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}
