/**
 * Ebb's own export of executions: JSON Lines, a header and then one record a line. It keeps everything that
 * usage and invoices are made from, so that a replay can give them again to the bit.
 */
import { asCodedError, CodedError } from '../../metering/errors.ts';
import {
  checkExecution,
  type ExecutionRecord,
  OUTCOMES,
  WARMTHS,
  wasStarted,
} from '../../metering/execution.ts';
import type { TraceBuilder } from './builder.ts';
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { tryParse } from './json-elements.ts';
import { DURATION_US_MAX, OPTIONAL_COLUMNS, TIME_US_MAX } from './trace.ts';

const FORMAT = 'ebb-executions';
const FORMAT_VERSION = 1;

const headerOf = (text: string): Readonly<Record<string, unknown>> | null => {
  const value = text.startsWith('{') ? tryParse(text) : null;
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
};

function checkHeader(text: string, place: Place): void {
  const header = headerOf(text);
  if (header?.format !== FORMAT) {
    throw rowFault(
      place,
      null,
      `a header {"format":"${FORMAT}","formatVersion":${FORMAT_VERSION}}`,
      shown(text),
    );
  }
  if (header.formatVersion !== FORMAT_VERSION) {
    const got = JSON.stringify(header.formatVersion) ?? 'nothing';
    throw rowFault(place, 'formatVersion', String(FORMAT_VERSION), got);
  }
}

function readRecord(text: string, place: Place): ExecutionRecord {
  const value = tryParse(text);
  if (value === undefined) throw rowFault(place, null, 'a JSON object', shown(text));
  try {
    return checkExecution(value, `${place.file} line ${place.line}`);
  } catch (thrown) {
    const { code, message, details } = asCodedError(thrown);
    throw new CodedError(code === 'record-invalid' ? 'trace-invalid' : code, message, {
      ...place,
      ...details,
    });
  }
}

const LIMITS = [
  ['arrivedAtUs', TIME_US_MAX],
  ['queueUs', DURATION_US_MAX],
  ['startupUs', DURATION_US_MAX],
  ['runUs', DURATION_US_MAX],
] as const;

function addRecord(builder: TraceBuilder, record: ExecutionRecord, place: Place): void {
  for (const [key, max] of LIMITS) {
    if (record[key] > max) throw rowFault(place, key, `at most ${max}`, String(record[key]));
  }
  const { row } = builder;
  row.arrivedAtUs = record.arrivedAtUs;
  row.runUs = record.runUs;
  row.functionIndex = builder.functionIndex(record.functionName);
  row.versionIndex = builder.versionIndex(record.version);
  row.queueUs = record.queueUs;
  row.startupUs = record.startupUs;
  row.cpuUs = record.cpuUs;
  row.fuelUsed = record.fuelUsed;
  row.memoryBytesPeak = record.memoryBytesPeak;
  row.memoryBytesLimit = record.memoryBytesLimit;
  row.bytesIn = record.bytesIn;
  row.bytesOut = record.bytesOut;
  row.httpStatus = record.httpStatus;
  row.outcomeIndex = OUTCOMES.indexOf(record.outcome);
  row.warmthIndex = WARMTHS.indexOf(record.warmth);
  builder.add();
}

export const ebbFormat: TraceFormat = {
  name: 'ebb',
  description: `JSON Lines that begin with {"format":"${FORMAT}",…}, as Ebb exports its executions`,
  hasHeader: true,
  matches: ({ firstLine }) => headerOf(firstLine)?.format === FORMAT,
  open(source) {
    const { file } = source;
    checkHeader(source.firstLine, { file, line: source.line });
    const builder = source.builder('ebb', OPTIONAL_COLUMNS);
    return {
      line(text, line) {
        if (text.trim() === '') return;
        const place = { file, line };
        const record = readRecord(text, place);
        if (wasStarted(record)) addRecord(builder, record, place);
        else builder.skippedRejected++;
      },
      finish: () => builder.finish(),
    };
  },
};
