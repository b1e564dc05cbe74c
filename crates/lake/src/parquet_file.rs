//! A Parquet file of one table, in memory while it is written.
//!
//! The columns that say which segment a row is of have one value in the whole file. They are not
//! encoded value by value: a page of one run says it.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use stagelight_tables::{ROW_GROUP_ROWS, Source, Table, writer_properties};

/// A file that is being written.
pub(crate) struct ParquetFile {
    table: &'static Table,
    file: SerializedFileWriter<Vec<u8>>,
    factory: ArrowRowGroupWriterFactory,
    group: Option<Group>,
}

/// A row group that is being written.
struct Group {
    columns: Vec<Column>,
    rows: usize,
}

enum Column {
    Values(Box<ArrowColumnWriter>),
    Constant(Constant),
}

impl ParquetFile {
    /// A file of `table` without rows.
    pub(crate) fn new(table: &'static Table) -> Result<Self> {
        let schema = table.schema();
        let properties = writer_properties(table);
        let parquet = ArrowSchemaConverter::new().convert(&schema)?;
        let file =
            SerializedFileWriter::new(Vec::new(), parquet.root_schema_ptr(), properties.into())?;
        let factory = ArrowRowGroupWriterFactory::new(&file, schema);
        Ok(Self { table, file, factory, group: None })
    }

    /// Appends the rows of a batch of the table, all of the same segment.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let group = match &mut self.group {
            Some(group) => group,
            none => none.insert(Group::new(self.table, &self.file, &self.factory, batch)?),
        };
        let schema = batch.schema();
        for ((column, field), array) in
            group.columns.iter_mut().zip(schema.fields()).zip(batch.columns())
        {
            match column {
                Column::Values(writer) => {
                    for leaf in compute_leaves(field, array)? {
                        writer.write(&leaf)?;
                    }
                }
                Column::Constant(constant) => constant.expect(array)?,
            }
        }
        group.rows += batch.num_rows();
        if group.rows >= ROW_GROUP_ROWS { self.end_group() } else { Ok(()) }
    }

    /// About how many bytes the file has so far.
    pub(crate) fn size(&self) -> usize {
        let waiting = self.group.iter().flat_map(|group| &group.columns);
        let waiting = waiting.map(|column| match column {
            Column::Values(writer) => writer.get_estimated_total_bytes(),
            Column::Constant(_) => 0,
        });
        self.file.bytes_written() + waiting.sum::<usize>()
    }

    /// The bytes of the whole file.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>> {
        self.end_group()?;
        self.file.into_inner()
    }

    fn end_group(&mut self) -> Result<()> {
        let Some(Group { columns, rows }) = self.group.take() else { return Ok(()) };
        let mut group = self.file.next_row_group()?;
        for column in columns {
            match column {
                Column::Values(writer) => writer.close()?.append_to_row_group(&mut group)?,
                Column::Constant(constant) => {
                    let (bytes, close) = constant.chunk(rows)?;
                    group.append_column(&bytes, close)?;
                }
            }
        }
        group.close()?;
        Ok(())
    }
}

impl Group {
    fn new(
        table: &'static Table,
        file: &SerializedFileWriter<Vec<u8>>,
        factory: &ArrowRowGroupWriterFactory,
        batch: &RecordBatch,
    ) -> Result<Self> {
        let writers = factory.create_column_writers(file.flushed_row_groups().len())?;
        let writers = writers.into_iter().map(Box::new);
        let descriptions = file.schema_descr().columns();
        let columns = table.columns().zip(writers).zip(descriptions).zip(batch.columns()).map(
            |(((column, writer), description), array)| match column.source {
                Source::Context(context) if context.is_of_segment() => {
                    Constant::of(description, array)
                        .map_or_else(|| Column::Values(writer), Column::Constant)
                }
                _ => Column::Values(writer),
            },
        );
        Ok(Self { columns: columns.collect(), rows: 0 })
    }
}

/// A column with one value.
struct Constant {
    description: ColumnDescPtr,
    /// As the plain encoding has it.
    plain: Vec<u8>,
    statistics: Statistics,
}

impl Constant {
    /// The value of all of `array`, if none is NULL; only the first is looked at.
    fn of(description: &ColumnDescPtr, array: &dyn Array) -> Option<Self> {
        if array.null_count() > 0 {
            return None;
        }
        let (plain, statistics) = if let Some(values) = array.as_primitive_opt::<Int64Type>() {
            let value = *values.values().first()?;
            let statistics = ValueStatistics::new(Some(value), Some(value), None, Some(0), false);
            (value.to_le_bytes().to_vec(), Statistics::Int64(statistics))
        } else {
            let text = array.as_string_opt::<i32>()?.iter().next()??;
            let length = u32::try_from(text.len()).ok()?;
            let value = ByteArray::from(text);
            let statistics =
                ValueStatistics::new(Some(value.clone()), Some(value), None, Some(0), false);
            let plain = [&length.to_le_bytes(), text.as_bytes()].concat();
            (plain, Statistics::ByteArray(statistics))
        };
        Some(Self { description: description.clone(), plain, statistics })
    }

    /// # Errors
    ///
    /// The rows are of another segment: it would be lost that they are.
    fn expect(&self, array: &dyn Array) -> Result<()> {
        match Self::of(&self.description, array) {
            Some(other) if other.plain == self.plain => Ok(()),
            _ => Err(ParquetError::General("rows of another segment".to_owned())),
        }
    }

    /// A dictionary of the value, and a page that says it for every row.
    fn chunk(self, rows: usize) -> Result<(Bytes, ColumnCloseResult)> {
        let too_many = |_| ParquetError::General(format!("{rows} rows in a row group"));
        let count = u32::try_from(rows).map_err(too_many)?;
        // All rows have a value (definition level 1), and all the same (index 0), of one bit each.
        let (defined, first) = (run(count, 1), run(count, 0));
        let length = u32::try_from(defined.len()).map_err(too_many)?;
        let page = [&length.to_le_bytes(), &defined[..], &[1], &first].concat();

        let mut bytes = TrackedWrite::new(Vec::new());
        let mut pages = SerializedPageWriter::new(&mut bytes);
        let size = self.plain.len();
        let dictionary = Page::DictionaryPage {
            buf: self.plain.into(),
            num_values: 1,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let dictionary = pages.write_page(CompressedPage::new(dictionary, size))?;
        let size = page.len();
        let page = Page::DataPage {
            buf: page.into(),
            num_values: count,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        pages.write_page(CompressedPage::new(page, size))?;

        let bytes = Bytes::from(bytes.into_inner()?);
        let size = bytes.len() as i64;
        let metadata = ColumnChunkMetaData::builder(self.description)
            .set_compression(Compression::UNCOMPRESSED)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(dictionary.bytes_written as i64)
            .set_num_values(i64::from(count))
            .set_total_compressed_size(size)
            .set_total_uncompressed_size(size)
            .set_statistics(self.statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: u64::from(count),
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((bytes, close))
    }
}

/// A run of `count` times the one-bit `value`, as the hybrid of run lengths and bit packing has it.
fn run(count: u32, value: u8) -> Vec<u8> {
    let mut rest = u64::from(count) << 1;
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.extend([rest.to_le_bytes()[0], value]);
    bytes
}

#[cfg(test)]
mod tests {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use stagelight_eventlog::{Identity, Value};
    use stagelight_tables::{QUARANTINE, RowContext, TableBuilder};

    use super::*;

    fn rows(app_id: &str, rows: usize) -> RecordBatch {
        let identity = Identity { app_id: app_id.to_owned(), attempt_id: None };
        let mut builder = TableBuilder::new(QUARANTINE, identity, 7);
        let slots: Vec<_> = QUARANTINE.columns().skip(3).map(|_| Value::Missing).collect();
        for _ in 0..rows {
            let context = RowContext { line: 0, event: "", raw: "" };
            builder.append(context, &slots).expect("nothing is required");
        }
        builder.take()
    }

    #[test]
    fn what_is_written_is_read_again() {
        for counts in [&[1][..], &[3, 4], &[8192; 40], &[ROW_GROUP_ROWS + 1, 1]] {
            for app_id in ["", "application_1700000000000_0001"] {
                let mut file = ParquetFile::new(QUARANTINE).expect("a file");
                for count in counts {
                    file.write(&rows(app_id, *count)).expect("rows fit");
                }
                let bytes = Bytes::from(file.finish().expect("the file ends"));
                let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a file");
                let all: usize = counts.iter().sum();
                assert_eq!(reader.metadata().file_metadata().num_rows(), all as i64);
                let mut read = 0;
                for batch in reader.build().expect("it can be read") {
                    let batch = batch.expect("it can be read");
                    assert_eq!(batch, rows(app_id, batch.num_rows()));
                    read += batch.num_rows();
                }
                assert_eq!(read, all);
            }
        }
    }
}
