/**
 * The Mooncake traces of LLM requests (github.com/kvcache-ai/Mooncake): JSON Lines with a time in milliseconds and
 * lengths in tokens. What a request takes is an expression of them, or is made up by a rule.
 */
import { DurationExpression } from './duration.ts';
import type { Place } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { ONE_FUNCTION } from './function-name.ts';
import { type JsonObject, textAt } from './json-elements.ts';
import { jsonLinesReader } from './json-reader.ts';
import { timeUs } from './time.ts';

const FIELDS = ['timestamp', 'input_length', 'output_length'] as const;

export const mooncakeFormat: TraceFormat = {
  name: 'mooncake',
  description: `JSON Lines with ${FIELDS.join(', ')} (Mooncake)`,
  hasHeader: false,
  matches: ({ firstLine }) =>
    firstLine.startsWith('{') && FIELDS.every((name) => firstLine.includes(`"${name}"`)),
  open(source) {
    const { options, file } = source;
    const builder = source.builder('mooncake', []);
    const { row } = builder;
    const unit = options.csvDurationUnit ?? 's';
    const duration =
      options.csvDuration === undefined
        ? null
        : new DurationExpression(options.csvDuration, FIELDS, unit, file);
    const onRequest = (object: JsonObject, place: Place): void => {
      const fields = FIELDS.map((name) => textAt(object, name, place));
      row.arrivedAtUs = timeUs(fields[0] as string, 'ms', place, 'timestamp');
      row.runUs = duration === null ? Number.NaN : duration.us(fields, place);
      row.functionIndex = builder.functionIndex(ONE_FUNCTION);
      builder.add();
    };
    return jsonLinesReader(source, onRequest, () => builder.finish());
  },
};
