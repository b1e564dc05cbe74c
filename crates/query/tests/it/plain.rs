//! What is plain by its sums is the same when its tasks are walked.

use stagelight_query::{Engine, Settings, View};

use crate::{engine_of, testdata};

/// The views that take sums for what is plain.
const VIEWS: [&str; 5] = ["executors", "jobs", "killed_tasks", "stage_peak_metrics", "stages"];

#[tokio::test(flavor = "multi_thread")]
async fn sums_and_tasks_give_the_same_answers() {
    let (_folder, engine) = engine_of(&testdata(), &Settings::default()).await;

    for lives in ["stage_lives", "executor_lives"] {
        let plain = format!("SELECT DISTINCT is_plain FROM {lives}");
        assert_eq!(rows(&engine, &plain).await, 2, "{lives} has both kinds");
    }
    for name in VIEWS {
        assert_same(&engine, name, &format!("SELECT * FROM {name}"), &walked(name)).await;
    }
}

/// The query of a view in which nothing is plain.
fn walked(name: &str) -> String {
    let view = View::all().into_iter().find(|view| view.name == name).expect("a view");
    let mut sql = view.sql.to_owned();
    for below in ["job_stage_lives", "stage_task_ends"] {
        if sql.contains(&format!(" {below}")) {
            let walked = walked(below);
            sql = sql.replace(&format!(" {below}\n"), &format!(" ({walked}) AS {below}\n"));
            sql = sql.replace(&format!(" {below} AS"), &format!(" ({walked}) AS"));
        }
    }
    for lives in ["stage_lives", "executor_lives"] {
        let none = format!("(SELECT * REPLACE (false AS is_plain) FROM {lives})");
        for keyword in ["FROM", "JOIN"] {
            sql = sql.replace(&format!("{keyword} {lives} "), &format!("{keyword} {none} "));
        }
    }
    sql
}

async fn assert_same(engine: &Engine, name: &str, one: &str, other: &str) {
    assert!(rows(engine, one).await > 0, "{name}");
    assert_eq!(rows(engine, one).await, rows(engine, other).await, "{name}");
    for (one, other) in [(one, other), (other, one)] {
        assert_eq!(rows(engine, &format!("({one}\n) EXCEPT ({other}\n)")).await, 0, "{name}");
    }
}

async fn rows(engine: &Engine, sql: &str) -> usize {
    let answer = engine.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    answer.batches.iter().map(|batch| batch.num_rows()).sum()
}
