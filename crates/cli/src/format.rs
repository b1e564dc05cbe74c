//! Answers as tables, CSV, JSON and Parquet.

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::csv;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::writer::{JsonArray, JsonFormat, LineDelimited, Writer, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use stagelight_query::AnswerStream;

use crate::args::Format;
use crate::terminal;

/// RFC 3339 in UTC with milliseconds: every time of the lake is in UTC.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// Writes an answer as it comes; only a table waits for all of it, to know how wide it is.
pub(crate) async fn write(
    answer: AnswerStream,
    format: Format,
    out: &mut (impl Write + Send),
) -> Result<()> {
    let schema = answer.schema();
    match format {
        Format::Table => table(answer, &schema, out).await,
        Format::Csv => {
            let mut writer = csv::WriterBuilder::new()
                .with_header(true)
                .with_timestamp_tz_format(TIME.to_owned())
                .with_timestamp_format(TIME.to_owned())
                .build(&mut *out);
            // The header stands also where no row does.
            writer.write(&flat(&RecordBatch::new_empty(schema))?)?;
            each(answer, |batch| Ok(writer.write(&flat(batch)?)?)).await
        }
        Format::Json => {
            json::<JsonArray>(answer, out).await?;
            Ok(writeln!(out)?)
        }
        Format::Ndjson => json::<LineDelimited>(answer, out).await,
        Format::Parquet => {
            let mut writer = ArrowWriter::try_new(out, schema, None)?;
            each(answer, |batch| Ok(writer.write(batch)?)).await?;
            writer.close()?;
            Ok(())
        }
    }
}

async fn each(
    mut answer: AnswerStream,
    mut write: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    while let Some(batch) = answer.next().await {
        write(&batch?)?;
    }
    Ok(())
}

async fn json<F: JsonFormat>(answer: AnswerStream, out: &mut (impl Write + Send)) -> Result<()> {
    let mut writer: Writer<_, F> = WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_timestamp_tz_format(TIME.to_owned())
        .with_timestamp_format(TIME.to_owned())
        .build(&mut *out);
    each(answer, |batch| Ok(writer.write(batch)?)).await?;
    writer.finish()?;
    Ok(())
}

/// The batch with lists and structures as text: CSV has no place for them.
fn flat(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let options = options();
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            let formatter = ArrayFormatter::try_new(column, &options)?;
            let texts = (0..column.len())
                .map(|row| column.is_valid(row).then(|| formatter.value(row).to_string()));
            columns.push(Arc::new(texts.collect::<StringArray>()) as ArrayRef);
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
        } else {
            columns.push(Arc::clone(column));
            fields.push(Arc::clone(field));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

async fn table(
    answer: AnswerStream,
    schema: &SchemaRef,
    out: &mut (impl Write + Send),
) -> Result<()> {
    let mut batches = Vec::new();
    each(answer, |batch| {
        batches.push(batch.clone());
        Ok(())
    })
    .await?;
    print_table(schema, &batches, out)
}

/// Prints rows as a table, with their number below.
pub(crate) fn print_table(
    schema: &Schema,
    batches: &[RecordBatch],
    out: &mut (impl Write + Send),
) -> Result<()> {
    let fields = schema.fields();
    let header: Vec<_> = fields.iter().map(|field| field.name().clone()).collect();
    let figures: Vec<_> = fields.iter().map(|field| field.data_type().is_numeric()).collect();
    let mut table = terminal::table(&header, &figures);
    let options = options();
    let mut rows = 0;
    for batch in batches {
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            table.add_row(
                columns
                    .iter()
                    .map(|column| terminal::cell(&terminal::shown(&column.value(row).to_string()))),
            );
        }
        rows += batch.num_rows();
    }
    writeln!(out, "{table}")?;
    writeln!(out, "({rows} row{})", if rows == 1 { "" } else { "s" })?;
    Ok(())
}

fn options() -> FormatOptions<'static> {
    FormatOptions::new()
        .with_null("NULL")
        .with_timestamp_format(Some(TIME))
        .with_timestamp_tz_format(Some(TIME))
}
