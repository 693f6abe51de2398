/** Readers of JSON: the objects of an array, whatever surrounds it, or one object a line. */
import type { Place } from './fault.ts';
import type { ByteReader, LineReader, TraceSource } from './format.ts';
import { JsonElements, type JsonObject, parseObject } from './json-elements.ts';
import type { ReadTrace } from './trace.ts';
import type { Work } from './turns.ts';

/** @param onObject also hears the key of the array that the object is in. */
export function jsonArrayReader(
  { file, badRows, line: firstLine }: TraceSource,
  onObject: (object: JsonObject, place: Place, key: string) => void,
  finish: () => Work<ReadTrace>,
): ByteReader {
  const elements = new JsonElements(file, firstLine, (text, key, place) =>
    badRows.guard(() => onObject(parseObject(text, place), place, key)),
  );
  return {
    push: (chunk) => elements.push(chunk),
    finish() {
      badRows.guard(() => elements.finish());
      return finish();
    },
  };
}

export function jsonLinesReader(
  { file }: TraceSource,
  onObject: (object: JsonObject, place: Place) => void,
  finish: () => Work<ReadTrace>,
): LineReader {
  return {
    line(text, line) {
      if (text.trim() === '') return;
      const place = { file, line };
      onObject(parseObject(text, place), place);
    },
    finish,
  };
}
