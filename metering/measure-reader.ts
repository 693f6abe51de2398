/** Checks the measure of one meter: which fields each kind has and what they may be. */
import type { BookReader, Json } from './book-reader.ts';
import { type ClockSpeed, INSTANCE_TIMES, type Measure } from './measure.ts';

const MEASURE_KEYS = {
  requests: [],
  'base-fee': [],
  'bytes-out': [],
  'bytes-through': [],
  'memory-time': [
    'memory',
    'memoryStepBytes',
    'memoryMinBytes',
    'memorySizesBytes',
    'timeStepUs',
    'timeMinUs',
  ],
  'vcpu-time': ['vcpuMilli', 'timeStepUs', 'timeMinUs'],
  'clock-time': ['speeds', 'timeStepUs', 'timeMinUs'],
  'cpu-time': ['timeStepUs'],
  fuel: ['fuelStep'],
  'instance-time': ['size', 'timeStepUs', 'timeMinUs', 'timeMaxUs'],
  'instance-vcpu-time': ['time', 'timeStepUs', 'timeMinUs'],
  'instance-memory-time': [
    'time',
    'memoryStepBytes',
    'memoryMinBytes',
    'memoryIncludedBytes',
    'timeStepUs',
    'timeMinUs',
  ],
  'period-time': ['timeStepUs'],
  'capacity-time': ['requestsPerUnitHour', 'bytesPerUnitHour'],
  stated: ['name'],
} as const satisfies Record<Measure['kind'], readonly string[]>;

const MEASURE_KINDS = Object.keys(MEASURE_KEYS) as Measure['kind'][];

/** Each number must be above the one before, or the next size up could not be found. */
function checkAscending(read: BookReader, numbers: readonly number[], pathOf: (index: number) => string) {
  for (const [index, number] of numbers.entries()) {
    if (index > 0 && number <= (numbers[index - 1] as number))
      read.fault(pathOf(index), 'more than the one before', number);
  }
}

function readSpeeds(read: BookReader, value: unknown, path: string): ClockSpeed[] {
  const items = read.list(value, path);
  if (Array.isArray(value) && items.length === 0) read.fault(path, 'at least one speed', value);
  const speeds = items.map((item, index) => {
    const at = `${path}[${index}]`;
    const source = read.object(item, at, ['memoryBytes', 'clockMhz']);
    return {
      memoryBytes: read.integer(source.memoryBytes, `${at}.memoryBytes`, 1),
      clockMhz: read.integer(source.clockMhz, `${at}.clockMhz`, 1),
    };
  });
  const sizes = speeds.map(({ memoryBytes }) => memoryBytes);
  checkAscending(read, sizes, (index) => `${path}[${index}].memoryBytes`);
  return speeds;
}

function readMemorySizes(read: BookReader, value: unknown, path: string): number[] {
  const items = read.list(value, path);
  if (Array.isArray(value) && items.length === 0) read.fault(path, 'at least one size', value);
  const sizes = items.map((item, index) => read.integer(item, `${path}[${index}]`, 1));
  checkAscending(read, sizes, (index) => `${path}[${index}]`);
  return sizes;
}

export function readMeasure(read: BookReader, value: unknown, path: string): Measure {
  const kind = read.oneOf((value as Json | null | undefined)?.kind, `${path}.kind`, MEASURE_KINDS);
  const source = read.object(value, path, ['kind', ...MEASURE_KEYS[kind]]);
  const integer = (key: string, least: number) => read.integer(source[key], `${path}.${key}`, least);
  const timeSteps = () => ({ timeStepUs: integer('timeStepUs', 1), timeMinUs: integer('timeMinUs', 0) });
  const memorySteps = () => ({
    memoryStepBytes: integer('memoryStepBytes', 1),
    memoryMinBytes: integer('memoryMinBytes', 0),
  });
  const time = () => read.oneOf(source.time, `${path}.time`, INSTANCE_TIMES);
  switch (kind) {
    case 'requests':
    case 'base-fee':
    case 'bytes-out':
    case 'bytes-through':
      return { kind };
    case 'memory-time': {
      const memory = read.oneOf(source.memory, `${path}.memory`, ['limit', 'peak']);
      const measure = { kind, memory, ...memorySteps(), ...timeSteps() };
      if (source.memorySizesBytes === undefined) return measure;
      const sizesPath = `${path}.memorySizesBytes`;
      return { ...measure, memorySizesBytes: readMemorySizes(read, source.memorySizesBytes, sizesPath) };
    }
    case 'vcpu-time':
      return { kind, vcpuMilli: integer('vcpuMilli', 1), ...timeSteps() };
    case 'clock-time':
      return { kind, speeds: readSpeeds(read, source.speeds, `${path}.speeds`), ...timeSteps() };
    case 'cpu-time':
    case 'period-time':
      return { kind, timeStepUs: integer('timeStepUs', 1) };
    case 'fuel':
      return { kind, fuelStep: integer('fuelStep', 1) };
    case 'instance-time': {
      const measure = { kind, size: read.text(source.size, `${path}.size`), ...timeSteps() };
      if (source.timeMaxUs === undefined) return measure;
      return { ...measure, timeMaxUs: integer('timeMaxUs', 1) };
    }
    case 'instance-vcpu-time':
      return { kind, time: time(), ...timeSteps() };
    case 'instance-memory-time': {
      const measure = { kind, time: time(), ...memorySteps(), ...timeSteps() };
      if (source.memoryIncludedBytes === undefined) return measure;
      return { ...measure, memoryIncludedBytes: integer('memoryIncludedBytes', 1) };
    }
    case 'capacity-time':
      return {
        kind,
        requestsPerUnitHour: integer('requestsPerUnitHour', 1),
        bytesPerUnitHour: integer('bytesPerUnitHour', 1),
      };
    case 'stated':
      return { kind, name: read.text(source.name, `${path}.name`) };
    default:
      return kind satisfies never;
  }
}
