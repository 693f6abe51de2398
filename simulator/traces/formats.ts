/** The one list of trace formats, in the order in which a file is tried for each. */
import { albFormat } from './alb.ts';
import { awsMeasuredFormat } from './aws-measured.ts';
import { awsSweepFormat } from './aws-sweep.ts';
import { azure2019Format } from './azure2019.ts';
import { azure2021Format } from './azure2021.ts';
import { cloudLoggingFormat } from './cloud-logging.ts';
import { cloudRunSweepFormat } from './cloud-run-sweep.ts';
import { cloudfrontFormat } from './cloudfront.ts';
import { cloudwatchFormat } from './cloudwatch.ts';
import { commonLogFormat } from './common-log.ts';
import { countsFormat } from './counts.ts';
import { ebbFormat } from './ebb.ts';
import type { TraceFormat, TraceFormatName } from './format.ts';
import { csvFormat } from './generic-csv.ts';
import { harFormat } from './har.ts';
import { huawei2023Format } from './huawei2023.ts';
import { huawei2025ColdStartsFormat, huawei2025RequestsFormat } from './huawei2025.ts';
import { k6CsvFormat, k6JsonFormat } from './k6.ts';
import { mooncakeFormat } from './mooncake.ts';
import { vegetaCsvFormat, vegetaJsonFormat } from './vegeta.ts';

export const FORMATS: Readonly<Record<TraceFormatName, TraceFormat>> = {
  ebb: ebbFormat,
  azure2019: azure2019Format,
  azure2021: azure2021Format,
  huawei2023: huawei2023Format,
  'huawei2025-cold-starts': huawei2025ColdStartsFormat,
  'huawei2025-requests': huawei2025RequestsFormat,
  alb: albFormat,
  cloudfront: cloudfrontFormat,
  'aws-measured': awsMeasuredFormat,
  'aws-sweep': awsSweepFormat,
  'cloud-run-sweep': cloudRunSweepFormat,
  'cloud-logging': cloudLoggingFormat,
  'common-log': commonLogFormat,
  'k6-json': k6JsonFormat,
  'k6-csv': k6CsvFormat,
  'vegeta-json': vegetaJsonFormat,
  'vegeta-csv': vegetaCsvFormat,
  har: harFormat,
  mooncake: mooncakeFormat,
  counts: countsFormat,
  // Last of those that are found: its lines may stand anywhere in a log of others.
  cloudwatch: cloudwatchFormat,
  csv: csvFormat,
};
