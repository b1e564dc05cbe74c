//! Answers in every format.

use std::io::Write;
use std::process::Stdio;

use crate::stagelight::{Stagelight, log};

const QUERY: &str = "SELECT 1 AS n, 'a,\"b\"' AS text, CAST(NULL AS BIGINT) AS none, \
                     to_timestamp_millis(1795331074621) AS at, true AS yes, 0.5 AS half, \
                     [1, 2] AS list UNION ALL SELECT 2, '', 3, NULL, false, 1.0, NULL ORDER BY n";

fn lake() -> Stagelight {
    Stagelight::with(&[&log("billing-plain-35")])
}

fn answer(stagelight: &Stagelight, format: &str, query: &str) -> String {
    let run = stagelight.run(&["sql", "--format", format, query]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.stdout
}

#[test]
fn formats_are_as_promised() {
    let lake = lake();
    assert_eq!(
        answer(&lake, "csv", QUERY),
        "n,text,none,at,yes,half,list\n\
         1,\"a,\"\"b\"\"\",,2026-11-22T07:04:34.621Z,true,0.5,\"[1, 2]\"\n\
         2,\"\",3,,false,1.0,\n"
            .replace("2,\"\",3", "2,,3")
    );
    assert_eq!(
        answer(&lake, "json", QUERY),
        "[{\"n\":1,\"text\":\"a,\\\"b\\\"\",\"none\":null,\"at\":\"2026-11-22T07:04:34.621Z\",\
         \"yes\":true,\"half\":0.5,\"list\":[1,2]},\
         {\"n\":2,\"text\":\"\",\"none\":3,\"at\":null,\"yes\":false,\"half\":1.0,\"list\":null}]\n"
    );
    let lines = answer(&lake, "ndjson", QUERY);
    assert_eq!(lines.lines().count(), 2);
    assert!(lines.lines().all(|line| line.starts_with("{\"n\":") && line.ends_with('}')));
    let table = answer(&lake, "table", QUERY);
    assert!(table.contains("NULL") && table.ends_with("(2 rows)\n"), "{table}");
}

#[test]
fn whole_seconds_have_milliseconds_too() {
    let query = "SELECT to_timestamp_millis(1795331074000) AS at";
    assert_eq!(answer(&lake(), "csv", query), "at\n2026-11-22T07:04:34.000Z\n");
}

#[test]
fn no_rows_are_an_answer() {
    let lake = lake();
    let query = "SELECT stage_id, name FROM stages WHERE stage_id < 0";
    assert_eq!(answer(&lake, "csv", query), "stage_id,name\n");
    assert_eq!(answer(&lake, "json", query), "[]\n");
    assert_eq!(answer(&lake, "ndjson", query), "");
    assert!(answer(&lake, "table", query).contains("(0 rows)"));
}

#[test]
fn parquet_comes_back_as_it_was() {
    let lake = lake();
    let query = "SELECT stage_id, name, submission_time FROM stages ORDER BY stage_id";
    let output = lake.command(&["sql", "--format", "parquet", query]).output();
    let bytes = output.expect("the binary starts").stdout;
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(
        bytes::Bytes::from(bytes),
        100,
    )
    .expect("a Parquet file");
    let rows: usize = reader.map(|batch| batch.expect("a batch").num_rows()).sum();
    assert_eq!(rows, lake.rows(query).len());
    assert!(rows > 3);
}

#[test]
fn questions_come_from_standard_input_too() {
    let lake = lake();
    let mut run = lake
        .command(&["sql", "--format", "csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = run.stdin.take().expect("a pipe");
    stdin
        .write_all(b"SELECT 1 AS a;\n-- a comment\nSELECT ';' AS b;\n")
        .expect("a pipe takes text");
    drop(stdin);
    let output = run.wait_with_output().expect("the binary ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\n1\nb\n;\n");
}

#[test]
fn a_planner_s_message_is_code_1() {
    let run = lake().run(&["sql", "SELECT stage FROM stages"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("stage_id"), "it names what there is: {}", run.stderr);
}
