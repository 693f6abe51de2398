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
import { type Place, rowFault, shown } from './fault.ts';
import type { TraceFormat } from './format.ts';
import { DURATION_US_MAX, OPTIONAL_COLUMNS, TIME_US_MAX, TraceBuilder } from './trace.ts';

const FORMAT = 'ebb-executions';
const FORMAT_VERSION = 1;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Nothing that JSON can write: the caller's check names the line.
    return undefined;
  }
}

const headerOf = (text: string): Readonly<Record<string, unknown>> | null => {
  const value = text.startsWith('{') ? parsed(text) : null;
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
  const value = parsed(text);
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
  matches: (firstLine) => headerOf(firstLine)?.format === FORMAT,
  open(file, firstLine, headerLine) {
    checkHeader(firstLine, { file, line: headerLine });
    const builder = new TraceBuilder(file, 'ebb', OPTIONAL_COLUMNS);
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
