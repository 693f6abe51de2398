/** Frames through shared memory: whatever is written comes out whole and in order. */
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FRAME_BYTES_MAX, FrameReader, FrameWriter } from '../host/threads/frame-ring.ts';
import { SharedArea } from '../host/threads/shared-area.ts';
import { OUT_HEAD, OUT_TAIL, RING_BYTES, Ring } from '../host/threads/shared-slot.ts';
import { byteOf, lengthOf, type ThreadTask } from './threads-kit.ts';

const AT = { headAt: 3, tailAt: 4 };

/** A ring whose counters begin anywhere, also shortly before they overflow. */
function ringFrom(startedAt: number) {
  const words = new Int32Array(new SharedArrayBuffer(64));
  const memory = new Ring(new SharedArrayBuffer(RING_BYTES));
  const ring = {
    writer: new FrameWriter(memory, { words, ...AT }),
    reader: new FrameReader(memory, { words, ...AT }),
  };
  const filler = Buffer.alloc(FRAME_BYTES_MAX - 8);
  for (let at = 0; at < startedAt; at += FRAME_BYTES_MAX) {
    ring.writer.write(1, 0, filler);
    ring.writer.publish();
    ring.reader.next();
  }
  ring.reader.next();
  return ring;
}

interface Written {
  readonly type: number;
  readonly stream: number;
  readonly hasMore: boolean;
  readonly bytes: Buffer;
}

const frames = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ lengthBytes: fc.integer({ min: 0, max: 100 }), isText: fc.boolean() }),
    },
    fc.record({ lengthBytes: fc.integer({ min: 0, max: FRAME_BYTES_MAX }), isText: fc.boolean() }),
    fc.record({ reads: fc.integer({ min: 1, max: 6 }) }),
  ),
  { maxLength: 60 },
);

describe('a ring', () => {
  test('gives every frame as it was written, in turn, whatever fits when', () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 0, max: 12 }), (steps, started) => {
        const { writer, reader } = ringFrom(started * FRAME_BYTES_MAX);
        const written: Written[] = [];
        const readOne = (): boolean => {
          const frame = reader.next();
          if (!frame) return false;
          expect({ ...frame, bytes: Buffer.from(frame.bytes) }).toEqual(written.shift());
          return true;
        };
        for (const [count, step] of steps.entries()) {
          if ('reads' in step) {
            for (let reads = step.reads; reads > 0; reads--) readOne();
            continue;
          }
          expect(writer.room).toBeLessThanOrEqual(FRAME_BYTES_MAX);
          if (step.lengthBytes > writer.room) continue;
          const frame = {
            type: 1 + (count % 100),
            stream: count * 1_000,
            hasMore: !step.isText && count % 2 === 0,
          };
          const bytes = Buffer.alloc(step.lengthBytes, count);
          if (step.isText) writer.writeLatin1(frame.type, frame.stream, bytes.toString('latin1'));
          else writer.write(frame.type, frame.stream, bytes, frame.hasMore);
          written.push({ ...frame, bytes });
          writer.publish();
          expect(writer.room).toBeGreaterThanOrEqual(-8);
        }
        while (readOne());
        expect(written).toEqual([]);
        expect(writer.isEmpty).toBe(true);
        expect(writer.room).toBe(FRAME_BYTES_MAX);
      }),
      { numRuns: 150 },
    );
  });

  test('shows nothing before it is published', () => {
    const { writer, reader } = ringFrom(0);
    writer.write(1, 2, Buffer.from('x'));
    expect(reader.next()).toBeUndefined();
    writer.publish();
    expect(reader.next()?.stream).toBe(2);
  });

  test('has no room before its reader has gone on to the next frame', () => {
    const { writer, reader } = ringFrom(0);
    while (writer.room >= FRAME_BYTES_MAX) writer.write(1, 0, Buffer.alloc(FRAME_BYTES_MAX));
    writer.publish();
    const full = writer.room;
    const first = reader.next();
    expect([first?.bytes.length, writer.room]).toEqual([FRAME_BYTES_MAX, full]);
    reader.next();
    expect(writer.room).toBeGreaterThan(full);
  });

  test('carries messages of all lengths from one thread to another', async () => {
    const area = new SharedArea();
    const { words, outRing } = area.slot(3);
    const reader = new FrameReader(outRing, { words, headAt: OUT_HEAD, tailAt: OUT_TAIL });
    const times = 3_000;
    const workerData: ThreadTask = { part: 'writes', area: area.memory, bell: area.memory, times };
    const worker = new Worker(new URL('./threads-worker.ts', import.meta.url), { workerData });
    let message = 0;
    let bytesOfMessage = 0;
    while (message < times) {
      const frame = reader.next();
      if (!frame) {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      if (frame.stream !== message || frame.type !== 1 + (message % 100))
        throw new Error(`got ${frame.stream}`);
      if (!frame.bytes.every((byte) => byte === byteOf(message)))
        throw new Error('got bytes of another message');
      bytesOfMessage += frame.bytes.length;
      if (frame.hasMore) continue;
      expect(bytesOfMessage).toBe(lengthOf(message));
      bytesOfMessage = 0;
      message++;
    }
    await worker.terminate();
  });
});
