/** Signatures of wasi:io, in any 0.2.x version. */

const STREAM_ERROR = 'variant{last-operation-failed(own<error>), closed}';

export const IO_SIGNATURES = {
  'wasi:io/error': {
    '[method]error.to-debug-string': '(borrow<error>) -> string',
  },
  'wasi:io/poll': {
    '[method]pollable.ready': '(borrow<pollable>) -> bool',
    '[method]pollable.block': '(borrow<pollable>)',
    poll: '(list<borrow<pollable>>) -> list<u32>',
  },
  'wasi:io/streams': {
    '[method]input-stream.read': `(borrow<input-stream>, u64) -> result<list<u8>, ${STREAM_ERROR}>`,
    '[method]input-stream.blocking-read': `(borrow<input-stream>, u64) -> result<list<u8>, ${STREAM_ERROR}>`,
    '[method]input-stream.skip': `(borrow<input-stream>, u64) -> result<u64, ${STREAM_ERROR}>`,
    '[method]input-stream.blocking-skip': `(borrow<input-stream>, u64) -> result<u64, ${STREAM_ERROR}>`,
    '[method]input-stream.subscribe': '(borrow<input-stream>) -> own<pollable>',
    '[method]output-stream.check-write': `(borrow<output-stream>) -> result<u64, ${STREAM_ERROR}>`,
    '[method]output-stream.write': `(borrow<output-stream>, list<u8>) -> result<_, ${STREAM_ERROR}>`,
    '[method]output-stream.blocking-write-and-flush': `(borrow<output-stream>, list<u8>)
      -> result<_, ${STREAM_ERROR}>`,
    '[method]output-stream.flush': `(borrow<output-stream>) -> result<_, ${STREAM_ERROR}>`,
    '[method]output-stream.blocking-flush': `(borrow<output-stream>) -> result<_, ${STREAM_ERROR}>`,
    '[method]output-stream.subscribe': '(borrow<output-stream>) -> own<pollable>',
    '[method]output-stream.write-zeroes': `(borrow<output-stream>, u64) -> result<_, ${STREAM_ERROR}>`,
    '[method]output-stream.blocking-write-zeroes-and-flush': `(borrow<output-stream>, u64)
      -> result<_, ${STREAM_ERROR}>`,
    '[method]output-stream.splice': `(borrow<output-stream>, borrow<input-stream>, u64)
      -> result<u64, ${STREAM_ERROR}>`,
    '[method]output-stream.blocking-splice': `(borrow<output-stream>, borrow<input-stream>, u64)
      -> result<u64, ${STREAM_ERROR}>`,
  },
} as const;
