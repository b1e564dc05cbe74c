//! What a scrape has.

use std::time::Duration;

use stagelight_query::{Engine, FamilyType, Metric};
use stagelight_server::Settings;

use crate::fixture::{Running, TestLake, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_has_every_metric_and_says_what_the_views_say() {
    // Those of one job are compared with each other.
    let lake = TestLake::with(&["", "../runs"]).await;
    let mut priced = stagelight_query::Settings::default();
    priced.thresholds.set("price_per_core_hour", 0.05);
    let engine = lake.engine_with(&priced).await;
    let server = Running::start(engine.clone(), settings()).await;
    let scrape = server.get("/metrics").await;
    server.stop().await;

    for Metric { family, family_type, .. } in Metric::embedded().expect("headers are whole") {
        let suffix = if family_type == FamilyType::Histogram { "_bucket" } else { "" };
        assert!(!scrape.family(&format!("{family}{suffix}")).is_empty(), "{family}");
    }
    let sum = |family: &str, label: &str| {
        let name = format!("stagelight_spark_{family}");
        let samples = scrape.family(&name).into_iter().filter(|(labels, _)| labels.contains(label));
        samples.map(|(_, value)| value).sum::<f64>()
    };
    for (family, label, sql) in [
        ("application_elapsed_seconds", "", "sum(duration_ms) / 1000.0 FROM applications"),
        (
            "application_status",
            "status=\"failed\"",
            "count(*) FROM applications WHERE status = 'failed'",
        ),
        ("application_status", "", "count(*) FROM applications"),
        ("application_jobs", "status=\"failed\"", "count(*) FROM jobs WHERE status = 'FAILED'"),
        ("application_jobs", "", "count(*) FROM jobs"),
        ("application_stages", "status=\"failed\"", "count(*) FROM stages WHERE status = 'FAILED'"),
        ("application_stages", "", "count(*) FROM stages"),
        ("application_sql_executions", "", "count(*) FROM sql_executions"),
        ("application_tasks", "status=\"failed\"", "count(*) FROM tasks WHERE status = 'FAILED'"),
        ("application_tasks", "", "count(*) FROM tasks"),
        ("stage_disk_spilled_bytes", "", "sum(disk_bytes_spilled) FROM stages"),
        ("stage_executor_run_time_seconds", "", "sum(executor_run_time_ms) / 1000.0 FROM stages"),
        ("stage_failed_tasks", "", "sum(num_failed_tasks) FROM stages"),
        (
            "applications_total",
            "status=\"failed\"",
            "count(*) FROM applications WHERE status = 'failed'",
        ),
        ("executor_run_time_seconds_total", "", "sum(executor_run_time_ms) / 1000.0 FROM stages"),
        ("tasks_total", "status=\"failed\"", "sum(num_failed_tasks) FROM stages"),
        ("failures_total", "kind=\"task\"", "count(*) FROM failures WHERE kind = 'task'"),
        ("executors_lost_total", "", "count(*) FROM failures WHERE kind = 'executor'"),
        (
            "stage_duration_seconds_bucket",
            "le=\"3\"",
            "count(*) FROM stage_summary WHERE status <> 'ACTIVE' AND duration_ms <= 3000",
        ),
        ("job_duration_seconds_count", "", "count(*) FROM jobs WHERE status <> 'RUNNING'"),
        (
            "application_duration_seconds_sum",
            "",
            "sum(duration_ms) / 1000.0 FROM applications WHERE completed",
        ),
    ] {
        let expected = number(&engine, sql).await;
        let got = sum(family, label);
        assert!(
            (got - expected).abs() <= 1e-9 * expected.abs(),
            "{family} {label}: {got}, {expected}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ingested_later_appears() {
    let lake = TestLake::with(&["billing-plain-35"]).await;
    let server = Running::start(lake.engine().await, settings()).await;
    let family = "stagelight_spark_application_elapsed_seconds";
    assert_eq!(server.get("/metrics").await.family(family).len(), 1);
    lake.add(&["inventory-single-35"]).await;
    server.eventually("/metrics", |scrape| scrape.family(family).len() == 2).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_outside_of_the_window_have_no_series_of_their_own() {
    let lake = TestLake::with(&["billing-plain-35"]).await;
    let settings = Settings { metrics_window: Duration::ZERO, ..settings() };
    let server = Running::start(lake.engine().await, settings).await;
    let scrape = server.get("/metrics").await;
    server.stop().await;
    assert_eq!(scrape.status, 200);
    let series = || scrape.body.lines().filter(|line| line.starts_with("stagelight_spark_"));
    assert_eq!(series().filter(|line| line.contains("app_id=")).count(), 0);
    // What is counted for ever is counted all the same.
    assert!(!scrape.family("stagelight_spark_jobs_total").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_is_lost_is_told_for_as_long_as_the_window() {
    let lake = TestLake::with(&["killed-40"]).await;
    let age = "date_part('epoch', now()) - date_part('epoch', last_event_time) FROM applications";
    let engine = lake.engine().await;
    let age = number(&engine, age).await;
    let family = "stagelight_spark_application_status";
    for (lost_for, expected) in [(-60.0, 0.0), (60.0, 1.0), (7_200.0, -1.0)] {
        let mut thresholds = stagelight_query::Settings::default();
        thresholds.thresholds.set("lost_after", age - lost_for);
        let engine = lake.engine_with(&thresholds).await;
        let settings = Settings { metrics_window: Duration::from_secs(3_600), ..settings() };
        let server = Running::start(engine, settings).await;
        let scrape = server.get("/metrics").await;
        server.stop().await;
        let is_lost = |(labels, _): &(&str, f64)| labels.contains("status=\"lost\"");
        let told = scrape.family(family).into_iter().find(is_lost);
        // It is not missed yet, it is lost, it was lost too long ago.
        assert_eq!(told.map_or(-1.0, |(_, value)| value), expected, "{lost_for}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_s_own_metric_that_is_wrong_is_missing_alone() {
    let lake = TestLake::with(&["billing-plain-35"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let declared = |family: &str, sql: &str| {
        let header = format!(
            "-- family: {family}\n-- type: gauge\n-- help: Ours.\n-- unit: 1\n-- labels: app_id\n\
             -- budget: 10\n-- rest: none\n"
        );
        std::fs::write(folder.path().join(format!("{family}.sql")), header + sql).expect("a file");
    };
    declared(
        "my_jobs",
        "SELECT jobs.app_id, count(*) AS value FROM jobs
         JOIN recent.deployments AS runs ON runs.app_id = jobs.app_id
         WHERE array_has($app_ids, jobs.app_id) GROUP BY jobs.app_id",
    );
    declared(
        "my_difference",
        "SELECT 'a' AS app_id, num_tasks_difference AS value
         FROM compare('local-1795371532772', 'local-1795371532772') WHERE scope = 'application'",
    );
    declared("my_typo", "SELECT app_id, cuont AS value FROM jobs");
    declared("my_label", "SELECT count(*) AS value FROM jobs");
    let settings = Settings { metrics_dir: Some(folder.path().to_owned()), ..settings() };
    let server = Running::start(lake.engine().await, settings).await;
    let scrape = server.get("/metrics").await;
    server.stop().await;
    assert_eq!(scrape.family("my_jobs").len(), 1);
    assert_eq!(scrape.family("my_difference").len(), 1);
    assert!(scrape.family("my_typo").is_empty() && scrape.family("my_label").is_empty());
    assert!(!scrape.family("stagelight_spark_application_jobs").is_empty());
    assert!(scrape.body.contains("\nstagelight_snapshot_failed_families 2\n"), "{}", scrape.body);
}

/// The one number that `SELECT {sql}` gives.
async fn number(engine: &Engine, sql: &str) -> f64 {
    let answer = engine.sql(&format!("SELECT {sql}")).await.expect("the query is right");
    let batch = answer.batches.first().expect("there is a row");
    let text = arrow::util::display::array_value_to_string(batch.column(0), 0);
    text.expect("it can be shown").parse().expect("it is a number")
}
