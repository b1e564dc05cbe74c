//! The views answer what `tests/slt/*.slt` say, over all logs of `testdata/`, and what
//! `tests/slt/runs/*.slt` say over one application that ran again and again. What `doctor` asks answers what
//! `tests/slt/doctor/*.slt` say of rows that stand there.
//!
//! A row's values are parted by tabs. NULL is `NULL`, an empty text `(empty)`, a newline `\n`.

use std::sync::Arc;

use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Normalizer, Runner};
use stagelight_query::{Engine, QueryError, Settings};

use crate::{engine_of, root, testdata};

#[tokio::test(flavor = "multi_thread")]
async fn views_answer_as_written() {
    let mut settings = Settings::default();
    // The logs grow older, and what runs in them runs on.
    settings.thresholds.set("lost_after", 1e10);
    // The logs are small, and so is what is wrong in them.
    for (name, value) in [
        ("spill_min_disk_bytes", 260e3),
        ("skew_min_duration", 1.0),
        ("gc_ratio", 0.02),
        ("gc_min_duration", 0.9),
        ("shuffle_min_bytes", 60e3),
        ("shuffle_partition_min_bytes", 1e6),
        ("shuffle_partition_max_bytes", 10.74e6),
        ("small_file_count", 2.0),
        ("small_file_bytes", 1.168e6),
        ("scheduler_delay_min_duration", 0.1),
        ("stage_long_tasks_low", 1.5),
        ("stage_run_time_low", 2.0),
        ("stage_large_partition_moderate", 30e6),
        ("stage_single_task_moderate", 100e3),
        ("single_task_min_duration", 1.0),
        ("slow_read_min_bytes", 1e3),
        ("slow_read_min_duration", 0.1),
        ("stage_slow_read_moderate", 1.3),
        ("job_idle_min_duration", 5.0),
        ("application_min_duration", 40.0),
        ("large_application_min_duration", 15.0),
        ("executor_min_bytes", 100.0),
        ("executor_min_duration", 1.0),
        ("unused_min_bytes", 268e6),
        ("executor_memory_low", 0.9),
        ("sql_broadcast_moderate", 1e6),
        ("sql_broadcast_memory_moderate", 0.001),
        ("sql_large_scan_moderate", 10e3),
        ("sql_long_filter_moderate", 100.0),
    ] {
        settings.thresholds.set(name, value);
    }
    // Of two prices, one is given.
    settings.thresholds.set("price_per_core_hour", 0.05);
    let (_folder, engine) = engine_of(&testdata(), &settings).await;
    engine.roll_up(|_, _| ()).await.expect("it is rolled up");
    assert!(answer_as_written(engine, "").await >= 9, "every view has a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_compared_as_written() {
    let mut settings = Settings::default();
    for (name, value) in [
        ("regression_max_runs", 6.0),
        ("regression_min_runs", 3.0),
        ("regression_min_difference", 5.0),
        ("regression_min_bytes", 1e6),
    ] {
        settings.thresholds.set(name, value);
    }
    let (_folder, engine) = engine_of(&[root().join("testdata/runs")], &settings).await;
    assert!(answer_as_written(engine, "runs").await > 0, "there is a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_as_written() {
    let (_folder, engine) = engine_of(&[], &Settings::default()).await;
    assert_eq!(answer_as_written(engine, "doctor").await, 2, "every question has a file");
}

/// Asks what the files of a folder ask; how many they are.
async fn answer_as_written(engine: Engine, folder: &str) -> usize {
    let engine = Arc::new(engine);
    let mut files: Vec<_> = std::fs::read_dir(root().join("crates/query/tests/slt").join(folder))
        .expect("a folder of files")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let mut failures = Vec::new();
    for file in &files {
        let mut runner: Runner<_, _> = Runner::new(async || Ok(Database(Arc::clone(&engine))));
        runner.with_validator(rows_are_equal);
        if let Err(error) = runner.run_file_async(file).await {
            failures.push(error.display(false).to_string());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    files.len()
}

/// Values stand as they are: texts may have spaces.
fn rows_are_equal(_: Normalizer, actual: &[Vec<String>], expected: &[String]) -> bool {
    actual.len() == expected.len()
        && actual.iter().zip(expected).all(|(row, line)| row.join("\t") == *line)
}

struct Database(Arc<Engine>);

#[async_trait::async_trait]
impl AsyncDB for Database {
    type Error = QueryError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, QueryError> {
        let answer = self.0.sql(&whole(sql)).await?;
        let types = answer.schema.fields().iter().map(|f| column_type(f.data_type())).collect();
        let options = FormatOptions::new()
            .with_null("NULL")
            .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.3fZ"));
        let mut rows = Vec::new();
        for batch in &answer.batches {
            let columns: Vec<_> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options))
                .collect::<Result<_, _>>()
                .expect("every type can be shown");
            for row in 0..batch.num_rows() {
                rows.push(
                    columns.iter().map(|column| text(&column.value(row).to_string())).collect(),
                );
            }
        }
        Ok(DBOutput::Rows { types, rows })
    }

    fn engine_name(&self) -> &'static str {
        "stagelight"
    }

    async fn shutdown(&mut self) {}
}

/// A question that ends with the file of one, as `WITH sources AS (...) {sql/doctor/lake.sql}`: that one, with these
/// rows in the place of what the lake has.
fn whole(sql: &str) -> String {
    let file = sql.split_once('{').and_then(|(rows, file)| Some((rows, file.strip_suffix('}')?)));
    let Some((rows, file)) = file else { return sql.to_owned() };
    let question = std::fs::read_to_string(root().join(file)).expect("a question");
    format!("{rows}{}", question.replacen("WITH ", ", ", 1).replace("lake.", ""))
}

fn text(value: &str) -> String {
    if value.is_empty() { "(empty)".to_owned() } else { value.replace('\n', "\\n") }
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => DefaultColumnType::Text,
        data_type if data_type.is_integer() => DefaultColumnType::Integer,
        data_type if data_type.is_floating() => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Any,
    }
}
