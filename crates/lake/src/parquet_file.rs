//! A Parquet file of one table, in memory while it is written.
//!
//! The columns that say which segment a row is of have one value in the whole file. They are not
//! encoded value by value: a page of one run says it. Integers, strings and booleans, nearly all that a
//! lake has, are encoded here too, with one compressor for all columns of a file: `parquet`'s writers
//! have one each, and a decompressor. What is left, floats and lists, is theirs.

mod booleans;
mod chunk;
mod constant;
mod delta_packed;
mod hybrid;
mod integers;
mod packer;
mod pages;
mod texts;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::Compression;
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::EnabledStatistics;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use stagelight_tables::{ROW_GROUP_ROWS, Source, Table, writer_properties};

use booleans::Booleans;
use constant::Constant;
use integers::Integers;
pub(crate) use packer::Packer;
use texts::Texts;

/// A file that is being written.
pub(crate) struct ParquetFile {
    table: &'static Table,
    file: SerializedFileWriter<Vec<u8>>,
    factory: ArrowRowGroupWriterFactory,
    group: Option<Group>,
    /// Whether the columns that say which segment a row is of have one value.
    is_of_one_segment: bool,
}

/// A row group that is being written.
struct Group {
    columns: Vec<Column>,
    rows: usize,
}

/// What encodes a column whose rows differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoder {
    Booleans,
    Integers,
    Texts,
    Parquet,
}

impl Encoder {
    fn of(column: &stagelight_tables::Column) -> Self {
        match column.kind.data_type() {
            DataType::Int64 | DataType::Timestamp(..) => Self::Integers,
            DataType::Utf8 => Self::Texts,
            DataType::Boolean => Self::Booleans,
            _ => Self::Parquet,
        }
    }
}

enum Column {
    Values(Box<ArrowColumnWriter>),
    Booleans(Box<Booleans>),
    Integers(Box<Integers>),
    Texts(Box<Texts>),
    Constant(Box<Constant>),
}

impl ParquetFile {
    /// A file of `table` without rows, for those of one segment.
    pub(crate) fn new(table: &'static Table) -> Result<Self> {
        Self::of(table, true)
    }

    /// A file of `table` without rows, for those of many segments.
    pub(crate) fn of_many(table: &'static Table) -> Result<Self> {
        Self::of(table, false)
    }

    fn of(table: &'static Table, is_of_one_segment: bool) -> Result<Self> {
        let schema = table.schema();
        let mut properties = writer_properties(table).into_builder();
        for column in table.columns().filter(|column| Encoder::of(column) != Encoder::Parquet) {
            // `parquet` makes a writer all the same, with a compressor and a decompressor if there is
            // something to compress: that took a twentieth of an ingest.
            let path = ColumnPath::from(column.name);
            properties = properties.set_column_compression(path, Compression::UNCOMPRESSED);
        }
        let properties = properties.build();
        let parquet = ArrowSchemaConverter::new().convert(&schema)?;
        let file =
            SerializedFileWriter::new(Vec::new(), parquet.root_schema_ptr(), properties.into())?;
        let factory = ArrowRowGroupWriterFactory::new(&file, schema);
        Ok(Self { table, file, factory, group: None, is_of_one_segment })
    }

    /// Appends the rows of a batch of the table.
    pub(crate) fn write(&mut self, batch: &RecordBatch, packer: &mut Packer) -> Result<()> {
        let group = match &mut self.group {
            Some(group) => group,
            none => {
                let one = self.is_of_one_segment.then_some(batch);
                none.insert(Group::new(self.table, &self.file, &self.factory, one)?)
            }
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
                Column::Booleans(booleans) => booleans.write(array, packer)?,
                Column::Integers(integers) => integers.write(array, packer)?,
                Column::Texts(texts) => texts.write(array, packer)?,
                Column::Constant(constant) => constant.expect(array)?,
            }
        }
        group.rows += batch.num_rows();
        if group.rows >= ROW_GROUP_ROWS { self.end_group(packer) } else { Ok(()) }
    }

    /// The bytes of the whole file, which has `metadata` of its own.
    pub(crate) fn finish_with(
        mut self,
        metadata: KeyValue,
        packer: &mut Packer,
    ) -> Result<Vec<u8>> {
        self.file.append_key_value_metadata(metadata);
        self.finish(packer)
    }

    /// The bytes of the whole file.
    pub(crate) fn finish(mut self, packer: &mut Packer) -> Result<Vec<u8>> {
        self.end_group(packer)?;
        self.file.into_inner()
    }

    fn end_group(&mut self, packer: &mut Packer) -> Result<()> {
        let Some(Group { columns, rows }) = self.group.take() else { return Ok(()) };
        let mut group = self.file.next_row_group()?;
        for column in columns {
            let (bytes, close) = match column {
                Column::Values(writer) => {
                    writer.close()?.append_to_row_group(&mut group)?;
                    continue;
                }
                Column::Booleans(booleans) => booleans.chunk(packer)?,
                Column::Integers(integers) => integers.chunk(packer)?,
                Column::Texts(texts) => texts.chunk(packer)?,
                Column::Constant(constant) => constant.chunk(rows)?,
            };
            group.append_column(&bytes, close)?;
        }
        group.close()?;
        Ok(())
    }
}

impl Group {
    /// A row group; one whose rows are all of one segment, of which `one` has some, says once what
    /// that is.
    fn new(
        table: &'static Table,
        file: &SerializedFileWriter<Vec<u8>>,
        factory: &ArrowRowGroupWriterFactory,
        one: Option<&RecordBatch>,
    ) -> Result<Self> {
        let writers = factory.create_column_writers(file.flushed_row_groups().len())?;
        let descriptions = file.schema_descr().columns();
        let columns = table.columns().zip(writers).zip(descriptions).enumerate().map(
            |(at, ((column, writer), description))| {
                let constant = match (column.source, one) {
                    (Source::Context(context), Some(batch)) if context.is_of_segment() => {
                        Constant::of(description, batch.column(at))
                    }
                    _ => None,
                };
                if let Some(constant) = constant {
                    return Column::Constant(Box::new(constant));
                }
                let statistics = file.properties().statistics_enabled(description.path());
                let has_statistics = statistics != EnabledStatistics::None;
                match Encoder::of(&column) {
                    Encoder::Integers => {
                        Column::Integers(Box::new(Integers::new(description, has_statistics)))
                    }
                    Encoder::Texts => {
                        Column::Texts(Box::new(Texts::new(description, has_statistics)))
                    }
                    Encoder::Booleans => Column::Booleans(Box::new(Booleans::new(description))),
                    Encoder::Parquet => Column::Values(Box::new(writer)),
                }
            },
        );
        Ok(Self { columns: columns.collect(), rows: 0 })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::statistics::Statistics;
    use proptest::prelude::*;
    use stagelight_eventlog::{Identity, Value};
    use stagelight_tables::{Kind, QUARANTINE, Role, RowContext, SOURCES, TableBuilder, all};

    use super::*;

    /// Rows whose integers are `integers`, and whose strings and booleans follow from them; NULL where
    /// there is none, if that may be.
    fn rows(table: &'static Table, app_id: &str, integers: &[Option<i64>]) -> RecordBatch {
        let identity = Identity { app_id: app_id.to_owned(), attempt_id: None };
        let mut builder = TableBuilder::new(table, identity, 7);
        for integer in integers {
            let text = integer.unwrap_or(0).to_string();
            let given =
                table.columns().filter(|column| !matches!(column.source, Source::Context(_)));
            let slots: Vec<_> = given
                .map(|column| match (column.kind, integer) {
                    (_, None) if column.role != Role::Required => Value::Null,
                    (Kind::Int | Kind::IntIfAny | Kind::IntText, _) => {
                        Value::Int(integer.unwrap_or(0))
                    }
                    (Kind::Time, _) => Value::Int(integer.unwrap_or(0) / 1000),
                    (Kind::Text | Kind::Json, _) => Value::Text(&text),
                    (Kind::Bool | Kind::Present, _) => Value::Bool(integer.unwrap_or(0) % 3 == 0),
                    _ => Value::Missing,
                })
                .collect();
            let context = RowContext { line: 0, event: "", raw: "" };
            builder.append(context, &slots).expect("what is required is there");
        }
        builder.take()
    }

    /// Writes the batches to one file and holds what is read from it against them.
    fn check(table: &'static Table, batches: &[RecordBatch]) {
        let mut packer = Packer::default();
        let mut file = ParquetFile::new(table).expect("a file");
        for batch in batches {
            file.write(batch, &mut packer).expect("rows fit");
        }
        let bytes = Bytes::from(file.finish(&mut packer).expect("the file ends"));
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a file");
        let read: Vec<_> = reader
            .with_batch_size(1000)
            .build()
            .expect("it can be read")
            .map(|batch| batch.expect("it can be read"))
            .collect();
        let schema = table.schema();
        let whole = |batches: &[RecordBatch]| {
            arrow::compute::concat_batches(&schema, batches).expect("one schema")
        };
        assert!(whole(&read) == whole(batches), "what was read is not what was written");
    }

    #[test]
    fn row_groups_follow_each_other() {
        for counts in [&[1][..], &[3, 4], &[8192; 40], &[ROW_GROUP_ROWS + 1, 1]] {
            for app_id in ["", "application_1700000000000_0001"] {
                let batches = counts.iter().map(|n| rows(QUARANTINE, app_id, &vec![None; *n]));
                check(QUARANTINE, &batches.collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn every_column_is_compressed() {
        for table in all() {
            let mut packer = Packer::default();
            let mut file = ParquetFile::of_many(table).expect("a file");
            file.write(&rows(table, "app", &[Some(5), None]), &mut packer).expect("rows fit");
            let bytes = Bytes::from(file.finish(&mut packer).expect("the file ends"));
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a file");
            for chunk in reader.metadata().row_group(0).columns() {
                assert!(matches!(chunk.compression(), Compression::ZSTD(_)), "{chunk:?}");
            }
        }
    }

    #[test]
    fn statistics_have_the_range_of_integers() {
        let mut packer = Packer::default();
        let mut file = ParquetFile::new(SOURCES).expect("a file");
        file.write(&rows(SOURCES, "app", &[Some(5), None, Some(-3), Some(4)]), &mut packer)
            .expect("rows fit");
        let bytes = Bytes::from(file.finish(&mut packer).expect("the file ends"));
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a file");
        let group = reader.metadata().row_group(0);
        let size = group.columns().iter().find(|c| c.column_path().string() == "size");
        let Some(Statistics::Int64(statistics)) = size.expect("a column").statistics() else {
            panic!("no statistics");
        };
        assert_eq!((statistics.min_opt(), statistics.max_opt()), (Some(&-3), Some(&5)));
        assert_eq!(statistics.null_count_opt(), Some(1));
    }

    /// Integers as tasks have them: the same, near to each other, in turn, or anything.
    fn integers() -> impl Strategy<Value = Vec<Option<i64>>> {
        let one = prop_oneof![
            4 => Just(Some(0)),
            4 => (0..1000_i64).prop_map(Some),
            2 => Just(None),
            1 => any::<i64>().prop_map(Some),
            1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)].prop_map(Some),
        ];
        let runs = prop::collection::vec((0..300_i64, 1..40_usize), 1..60);
        prop_oneof![
            prop::collection::vec(one, 1..600),
            runs.prop_map(|runs| {
                runs.iter().flat_map(|(n, times)| vec![Some(*n); *times]).collect()
            }),
            (any::<i64>(), 0..200_i64, 1..20_000_usize).prop_map(|(first, step, rows)| {
                (0..rows).map(|row| Some(first.wrapping_add(step * row as i64))).collect()
            }),
            (1..20_000_usize).prop_map(|rows| vec![None; rows]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_written_is_read_again(batches in prop::collection::vec(integers(), 1..5)) {
            let batches: Vec<_> = batches.iter().map(|batch| rows(SOURCES, "app", batch)).collect();
            check(SOURCES, &batches);
        }

        #[test]
        fn every_table_is_read_again(table in prop::sample::select(all().collect::<Vec<_>>()), batch in integers()) {
            let batch = rows(table, "app", &batch[..batch.len().min(2_000)]);
            check(table, &[batch.clone(), batch]);
        }
    }

    #[test]
    fn strings_that_are_too_many_to_be_known_are_read_again() {
        // 30 bytes and more of each: the dictionary is full in the middle of the second batch.
        let texts = |from: i64| {
            (from..from + 30_000).map(|n| (n % 17 != 0).then_some(i64::MAX - n)).collect::<Vec<_>>()
        };
        let few = vec![Some(3); 20_000];
        let batches = [&few, &texts(0), &texts(30_000), &few, &vec![None; 20_000], &texts(0)];
        check(SOURCES, &batches.map(|batch| rows(SOURCES, "app", batch)));
    }

    #[test]
    fn statistics_have_the_range_of_strings() {
        for (integers, range) in [
            (vec![Some(5), None, Some(-3), Some(40)], (Some("-3"), Some("5"))),
            ((0..200_000).map(Some).collect(), (Some("0"), Some("99999"))),
            (vec![], (None, None)),
        ] {
            let mut packer = Packer::default();
            let mut file = ParquetFile::of_many(SOURCES).expect("a file");
            let batch = rows(SOURCES, "app", &[&[Some(12)], &integers[..]].concat());
            file.write(&batch, &mut packer).expect("rows fit");
            let bytes = Bytes::from(file.finish(&mut packer).expect("the file ends"));
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a file");
            let group = reader.metadata().row_group(0);
            let layout = group.columns().iter().find(|c| c.column_path().string() == "layout");
            let Some(Statistics::ByteArray(statistics)) = layout.expect("a column").statistics()
            else {
                panic!("no statistics");
            };
            let bound = |bound: Option<&parquet::data_type::ByteArray>| {
                bound.map(|bound| bound.as_utf8().expect("UTF-8").to_owned())
            };
            let expected = (range.0.unwrap_or("12"), range.1.unwrap_or("12"));
            let found = (bound(statistics.min_opt()), bound(statistics.max_opt()));
            assert_eq!(found, (Some(expected.0.to_owned()), Some(expected.1.to_owned())));
        }
    }
}
