/**
 * The Mooncake traces of LLM requests (github.com/kvcache-ai/Mooncake): JSON Lines, or a table with the same fields,
 * with a time in milliseconds and lengths in tokens. What a request takes is an expression of them, or is made up by
 * a rule.
 */
import { csvReader, hasColumns } from './csv.ts';
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
  description: `JSON Lines or CSV with ${FIELDS.join(', ')} (Mooncake)`,
  hasHeader: false,
  matches: ({ firstLine }) =>
    firstLine.startsWith('{')
      ? FIELDS.every((name) => firstLine.includes(`"${name}"`))
      : hasColumns(firstLine, FIELDS),
  open(source) {
    const { options, file, firstLine, line: headerLine } = source;
    const builder = source.builder('mooncake', []);
    const { row } = builder;
    const unit = options.csvDurationUnit ?? 's';
    const duration =
      options.csvDuration === undefined
        ? null
        : new DurationExpression(options.csvDuration, FIELDS, unit, file);
    const add = (fields: readonly string[], place: Place): void => {
      row.arrivedAtUs = timeUs(fields[0] as string, 'ms', place, 'timestamp');
      row.runUs = duration === null ? Number.NaN : duration.us(fields, place);
      row.functionIndex = builder.functionIndex(ONE_FUNCTION);
      builder.add();
    };
    const finish = () => builder.finish();
    if (firstLine.startsWith('{')) {
      const onRequest = (object: JsonObject, place: Place): void =>
        add(
          FIELDS.map((name) => textAt(object, name, place)),
          place,
        );
      return jsonLinesReader(source, onRequest, finish);
    }
    const rows = csvReader(source, FIELDS, (field, place) => add(FIELDS.map(field), place), finish);
    const line = (text: string, at: number): void => {
      if (at > headerLine) rows.line(text, at);
    };
    return { ...rows, line };
  },
};
