"""Makes the Parquet fixtures from the CSV and JSON fixtures beside them, with three writers that are not Ebb's.

Made in November 2026 with Python 3.11, pyarrow 26.0.1, duckdb 2.0.0, fastparquet 2026.9.0 and pandas 3.1.1:
    pip install pyarrow==26.0.1 duckdb==2.0.0 fastparquet==2026.9.0 pandas==3.1.1 && python make.py
"""
import decimal
import json
import pathlib

import duckdb
import fastparquet
import pandas
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

here = pathlib.Path(__file__).parent
azure = here.parent / 'azure2021_invocations_sample200.csv'
samples = here.parents[2] / 'simulator/traces/samples'

table = pa.csv.read_csv(azure)
write = lambda rows, name, **more: pq.write_table(rows, here / f'{name}.parquet', **more)

# Dictionaries for the names, four row groups.
write(table, 'azure2021_snappy', compression='snappy', row_group_size=50)
# No dictionary, the newer pages, deltas and split bytes.
write(table, 'azure2021_plain', compression='none', use_dictionary=False, data_page_version='2.0',
      column_encoding={'app': 'DELTA_BYTE_ARRAY', 'func': 'DELTA_LENGTH_BYTE_ARRAY',
                       'end_timestamp': 'BYTE_STREAM_SPLIT', 'duration': 'PLAIN'})
write(table, 'azure2021_lz4', compression='lz4')
write(table, 'azure2021_brotli', compression='brotli')
duckdb.sql(f"COPY (SELECT * FROM read_csv('{azure}')) TO '{here}/azure2021_zstd.parquet' (CODEC zstd)")
fastparquet.write(here / 'azure2021_gzip.parquet', pandas.read_csv(azure), compression='GZIP')

# A time with seven digits after the point, as a timestamp of nanoseconds; integers beside it.
llm = pa.csv.read_csv(samples / 'azure_llm2023_code.csv').slice(0, 100)
assert llm.schema.field('TIMESTAMP').type == pa.timestamp('ns')
write(llm, 'azure_llm2023_head', compression='zstd')

# A column of lists, which no CSV has.
lines = (here.parent / 'mooncake_conversation_head.jsonl').read_text().splitlines()
write(pa.Table.from_pylist([json.loads(line) for line in lines]), 'mooncake_head', compression='zstd')

# Huawei's: a column a function with counts that are missing (as NaN, too), and the cold starts.
counts = pandas.read_csv(here.parent / 'huawei2023_requests_minute_head.csv')
write(pa.Table.from_pandas(counts, preserve_index=False), 'huawei2023_null')
write(pa.table({name: pa.array(counts[name].to_numpy()) for name in counts}), 'huawei2023_nan')
starts = here.parent / 'huawei2025_cold_starts_head.csv'
duckdb.sql(f"COPY (SELECT * FROM read_csv('{starts}')) TO '{here}/huawei2025_cold_starts.parquet' (CODEC snappy)")

# Every other kind of value, with a value missing in each.
kinds = {
    'float32': pa.array([0.7, 0.1, None], pa.float32()),
    'decimal': pa.array([decimal.Decimal('0.69'), decimal.Decimal('-1.15'), None], pa.decimal128(9, 2)),
    'ms': pa.array([1700000000123, 0, None], pa.timestamp('ms')),
    'us': pa.array([1700000000123456, -1, None], pa.timestamp('us', 'UTC')),
    'int16': pa.array([-3, 7, None], pa.int16()),
    'uint64': pa.array([2**64 - 1, 0, None], pa.uint64()),
    'flag': pa.array([True, False, None]),
    'text': pa.array(['a,"b"\nc', '', None]),
    'day': pa.array([19675, 0, None], pa.date32()),
    'list': pa.array([[1, 2], [], None]),
    'pair': pa.array([{'x': 1, 'y': {'z': 2}}, {'x': 2, 'y': None}, None]),
    'fixed': pa.array([b'abcd', b'efgh', None], pa.binary(4)),
    'clock': pa.array([1, 2, None], pa.time64('us')),
    'last': pa.array([1, 2, 3]),
}
write(pa.table(kinds), 'kinds', compression='none')

# One row group of more than 1 GiB when it is unpacked.
huge = pa.chunked_array([pa.array(['x' * 2**20] * 64)] * 17)
write(pa.table({'huge': huge}), 'huge', compression='zstd', compression_level=19, use_dictionary=False,
      write_statistics=False, data_page_size=2**27, row_group_size=2**20)

# No row, and no column that a CSV could have.
write(table.slice(0, 0), 'empty')
write(pa.table({name: kinds[name] for name in ('list', 'fixed')}), 'nested')
