//! What a user asks can read the lake and nothing else.

use std::fs;

use crate::stagelight::{Stagelight, log};

#[test]
fn nothing_but_reading_is_planned() {
    let stagelight = Stagelight::with(&[&log("billing-plain-35")]);
    let secret = stagelight.folder().join("secret.csv");
    fs::write(&secret, "password\nhunter2\n").expect("a file");
    let out = stagelight.folder().join("out");
    let (secret, out) = (secret.display(), out.display());
    for query in [
        format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{secret}'"),
        format!("COPY (SELECT 1) TO '{out}' STORED AS CSV"),
        format!("SELECT * FROM '{secret}'"),
        format!("SELECT * FROM read_csv('{secret}')"),
        format!("SELECT * FROM read_parquet('{secret}')"),
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "CREATE VIEW stages AS SELECT 1".to_owned(),
        "DROP VIEW stages".to_owned(),
        "DROP TABLE lake.sources".to_owned(),
        "INSERT INTO lake.sources SELECT * FROM lake.sources".to_owned(),
        "DELETE FROM lake.sources".to_owned(),
        "UPDATE lake.sources SET rows = 0".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "PREPARE p AS SELECT 1".to_owned(),
        "CREATE FUNCTION f() RETURNS INT RETURN 1".to_owned(),
        format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}' STORED AS CSV"),
        format!("SELECT 1; COPY (SELECT 1) TO '{out}' STORED AS CSV"),
    ] {
        let run = stagelight.run(&["sql", &query]);
        assert_eq!(run.code, 1, "{query}: {}", run.stdout);
        assert!(run.stderr.starts_with("error: "), "{query}: {}", run.stderr);
        assert!(!run.stdout.contains("hunter2") && !run.stderr.contains("hunter2"), "{query}");
    }
    assert!(!stagelight.folder().join("out").exists());
    assert!(stagelight.value("SELECT count(*) FROM sources").as_i64() == Some(1));
}

#[test]
fn reading_goes_many_ways() {
    let stagelight = Stagelight::with(&[&log("billing-plain-35")]);
    for query in [
        "SHOW TABLES",
        "DESCRIBE stages",
        "EXPLAIN SELECT * FROM stages",
        "WITH s AS (SELECT * FROM stages) SELECT count(*) FROM s",
        "SELECT table_name FROM information_schema.tables",
        "VALUES (1), (2)",
    ] {
        let run = stagelight.run(&["sql", query]);
        assert_eq!(run.code, 0, "{query}: {}", run.stderr);
    }
}

#[test]
fn a_refusal_says_what_is_wrong_in_the_words_of_the_question() {
    let stagelight = Stagelight::with(&[&log("billing-plain-35")]);
    let no_table = |name: &str, hint: &str| {
        format!("error: there is no table or view `{name}`{hint}; SHOW TABLES lists them\n")
    };
    let read_only = "error: only questions are answered (SELECT, EXPLAIN, SHOW, DESCRIBE): \
                     nothing can be changed\n";
    for (query, said) in [
        ("SELECT * FROM stage", no_table("stage", ", did you mean `stages`?")),
        (
            "WITH s AS (SELECT 1) SELECT * FROM s JOIN lake.task_end ON true",
            no_table("lake.task_end", ", did you mean `lake.task_ends`?"),
        ),
        ("SELECT * FROM invoices", no_table("invoices", "")),
        ("CREATE TABLE mine AS SELECT * FROM stage", no_table("stage", ", did you mean `stages`?")),
        (
            "SELECT stage_idd FROM stages",
            "error: No field named stage_idd. Did you mean 'stages.stage_id'?; DESCRIBE lists the \
             columns of a view\n"
                .to_owned(),
        ),
        ("DROP VIEW stages", read_only.to_owned()),
        ("SET datafusion.execution.batch_size = 1", read_only.to_owned()),
    ] {
        let run = stagelight.run(&["sql", query]);
        assert_eq!((run.code, run.stderr), (1, said), "{query}");
    }
}
