//! Rollups say what the events of each application say, whoever has computed which of them when.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::util::pretty::pretty_format_batches;
use stagelight_ingest::{Options, discover, ingest};
use stagelight_lake::Lake;
use stagelight_query::{Engine, Family, FamilyType, LiveRollups, Metric, Settings};

use crate::{engine_of, root, testdata};

const WINDOW: Duration = Duration::from_secs(1 << 32);

async fn text(engine: &Engine, sql: &str) -> String {
    let answer = engine.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    pretty_format_batches(&answer.batches).expect("a table").to_string()
}

/// Every total, and the question to the events that must have the same answer.
const TOTALS: [(&str, &str); 11] = [
    (
        "executor_run_time_ms, executor_cpu_time_ns, jvm_gc_time_ms, shuffle_fetch_wait_time_ms, memory_bytes_spilled,
         disk_bytes_spilled, input_bytes, output_bytes, shuffle_read_bytes, shuffle_write_bytes",
        "SELECT app_id,
                sum(executor_run_time_ms), sum(executor_cpu_time_ns), sum(jvm_gc_time_ms),
                sum(shuffle_fetch_wait_time_ms), sum(memory_bytes_spilled),
                sum(disk_bytes_spilled), sum(input_bytes), sum(output_bytes),
                sum(shuffle_read_bytes), sum(shuffle_write_bytes)
         FROM stages GROUP BY app_id",
    ),
    (
        "num_running_tasks, num_succeeded_tasks, num_failed_tasks, num_killed_tasks",
        "SELECT app_id, count(*) FILTER (WHERE status = 'RUNNING'),
                count(*) FILTER (WHERE status = 'SUCCESS'),
                count(*) FILTER (WHERE status = 'FAILED'),
                count(*) FILTER (WHERE status = 'KILLED')
         FROM tasks GROUP BY app_id",
    ),
    (
        "skew_excess_ms, skew_ratio",
        "SELECT app_id, max_run_time_ms - median_run_time_ms, run_time_ratio
         FROM (SELECT *, row_number() OVER (
                   PARTITION BY app_id
                   ORDER BY max_run_time_ms - median_run_time_ms DESC, stage_id) AS place
               FROM skew)
         WHERE place = 1",
    ),
    (
        "scheduler_delay_ms",
        "SELECT app_id, sum(scheduler_delay_ms) FROM tasks WHERE status = 'SUCCESS' GROUP BY app_id",
    ),
    (
        "num_complete_stages, num_failed_stages, num_skipped_stages, stage_duration_ms",
        "SELECT app_id, count(*) FILTER (WHERE status = 'COMPLETE'),
                count(*) FILTER (WHERE status = 'FAILED'),
                count(*) FILTER (WHERE status = 'SKIPPED'),
                sum(duration_ms) FILTER (WHERE status IN ('COMPLETE', 'FAILED'))
         FROM (SELECT stages.app_id, stages.status, summary.duration_ms
               FROM stages LEFT JOIN stage_summary AS summary
                   ON summary.app_id = stages.app_id
                   AND summary.stage_id = stages.stage_id
                   AND summary.stage_attempt_id = stages.stage_attempt_id)
         GROUP BY app_id",
    ),
    (
        "num_running_jobs, num_succeeded_jobs, num_failed_jobs, job_duration_ms",
        "SELECT app_id, count(*) FILTER (WHERE status = 'RUNNING'),
                count(*) FILTER (WHERE status = 'SUCCEEDED'),
                count(*) FILTER (WHERE status = 'FAILED'),
                sum(CAST(completion_time AS BIGINT) - CAST(submission_time AS BIGINT))
                    FILTER (WHERE status <> 'RUNNING')
         FROM jobs GROUP BY app_id",
    ),
    (
        "num_running_sql_executions, num_completed_sql_executions, num_failed_sql_executions,
         sql_execution_duration_ms",
        "SELECT app_id, count(*) FILTER (WHERE status = 'RUNNING'),
                count(*) FILTER (WHERE status = 'COMPLETED'),
                count(*) FILTER (WHERE status = 'FAILED'),
                sum(duration_ms) FILTER (WHERE status <> 'RUNNING')
         FROM sql_executions GROUP BY app_id",
    ),
    (
        "busy_core_time_ms, idle_in_jobs_core_time_ms, idle_without_jobs_core_time_ms",
        "SELECT app_id, busy_core_time_ms, idle_in_jobs_core_time_ms, idle_without_jobs_core_time_ms
         FROM core_usage",
    ),
    (
        "stage_durations[4], stage_durations[5], stage_durations[14]",
        "SELECT app_id, count(*) FILTER (WHERE duration_ms <= 3000),
                count(*) FILTER (WHERE duration_ms <= 10000), count(*)
         FROM stage_summary WHERE status IN ('COMPLETE', 'FAILED') GROUP BY app_id",
    ),
    (
        "job_durations[3], job_durations[14]",
        "SELECT app_id,
                count(*) FILTER (WHERE CAST(completion_time AS BIGINT)
                    - CAST(submission_time AS BIGINT) <= 1000), count(*)
         FROM jobs WHERE status <> 'RUNNING' GROUP BY app_id",
    ),
    (
        "sql_execution_durations[5], sql_execution_durations[14]",
        "SELECT app_id, count(*) FILTER (WHERE duration_ms <= 10000), count(*)
         FROM sql_executions WHERE status <> 'RUNNING' GROUP BY app_id",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_those_of_the_events() {
    let mut settings = Settings::default();
    // Every stage is skewed.
    settings.thresholds.set("skew_min_duration", 0.0);
    settings.thresholds.set("skew_ratio", 0.0);
    let (_folder, engine) = engine_of(&testdata(), &settings).await;
    let rolled_up = engine.roll_up(|_, _| ()).await.expect("it is rolled up");
    assert!(rolled_up.applications > 10 && rolled_up.too_large.is_empty(), "{rolled_up:?}");
    assert_eq!(engine.roll_up(|_, _| ()).await.expect("nothing to do").applications, 0);
    for (columns, events) in TOTALS {
        // Of what an application has none, the events have no row.
        let kept = format!(
            "SELECT app_id, {columns} FROM application_totals
             WHERE app_id IN (SELECT app_id FROM ({events}))"
        );
        let differ = format!("({events}) EXCEPT ({kept})");
        assert_eq!(text(&engine, &differ).await.lines().count(), 2, "{differ}");
        assert!(text(&engine, events).await.lines().count() > 6, "{events}");
    }
    let failures = "SELECT app_id, string_agg(concat(kind, ':', cause_class, ':', failures), ','
                        ORDER BY kind, cause_class) AS failures
                    FROM (SELECT app_id, kind, cause_class, count(*) AS failures FROM failures
                          -- Two have no end, and whether they are lost, time decides.
                          WHERE kind <> 'application'
                              OR app_id IN (SELECT app_id FROM applications WHERE completed)
                          GROUP BY app_id, kind, cause_class)
                    GROUP BY app_id ORDER BY app_id";
    let kept = "SELECT app_id, failures FROM application_totals
                WHERE failures IS NOT NULL ORDER BY app_id";
    assert_eq!(text(&engine, kept).await, text(&engine, failures).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_of_a_log_that_grows_only_grows() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::create(&folder.path().join("lake").display().to_string()).await;
    let lake = Arc::new(lake.expect("a lake"));
    let engine = Engine::new(Arc::clone(&lake), &Settings::default()).await.expect("an engine");
    let grown = folder.path().join("logs");
    fs::create_dir(&grown).expect("a folder");
    let mut before: Vec<(String, Vec<f64>)> = Vec::new();
    for part in 1..=PARTS {
        for name in GROWING {
            let log = fs::read_to_string(root().join("testdata/logs").join(name)).expect("a log");
            let lines: Vec<_> = log.split_inclusive('\n').collect();
            let (_, name) = name.rsplit_once('/').expect("a file in a folder");
            let some = lines[..lines.len() * part / PARTS].concat();
            fs::write(grown.join(name), some).expect("a file");
        }
        let found = discover(std::slice::from_ref(&grown));
        ingest(&lake, found, &Options::default(), Arc::default()).await.expect("rows");
        engine.refresh().await.expect("it can be read");
        let families = counted(&engine, &mut LiveRollups::default()).await;
        let now: Vec<_> = families
            .iter()
            .flat_map(|family| family.samples.iter().map(move |sample| (family, sample)))
            .map(|(family, sample)| {
                let counts = sample.buckets.iter().map(|bucket| bucket.count);
                let series = format!("{} {:?}", family.metric.family, sample.labels);
                (series, [sample.value].into_iter().chain(counts).collect::<Vec<_>>())
            })
            .collect();
        for (series, values) in &before {
            let (_, later) = now.iter().find(|(name, _)| name == series).expect(series);
            assert!(later.iter().zip(values).all(|(now, before)| now >= before), "{series} {part}");
        }
        before = now;
    }
    assert!(before.len() > 40, "{}", before.len());
}

/// Logs that are text, and in how many parts they come.
const GROWING: [&str; 2] = [
    "billing-plain-35/eventlog_v2_local-1795371532772/events_1_local-1795371532772",
    "inprogress-35/eventlog_v2_local-1795371673465/events_1_local-1795371673465",
];
const PARTS: usize = 5;

/// The counters and histograms of all applications.
async fn counted(engine: &Engine, live: &mut LiveRollups) -> Vec<Family> {
    let metrics: Vec<_> = Metric::embedded()
        .expect("headers are whole")
        .into_iter()
        .filter(|metric| metric.family_type.is_cumulative())
        .filter(|metric| metric.family.starts_with("stagelight_"))
        .collect();
    assert!(metrics.iter().any(|metric| metric.family_type == FamilyType::Histogram));
    let mut families = engine.families(&metrics, WINDOW, live).await.expect("samples").families;
    for family in &mut families {
        family.samples.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    families
}

fn sum(families: &[Family], name: &str) -> f64 {
    let family = families.iter().find(|family| family.metric.family == name).expect("a family");
    family.samples.iter().map(|sample| sample.value).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_the_same_whatever_was_rolled_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::create(&folder.path().display().to_string()).await.expect("a lake");
    let lake = Arc::new(lake);
    let mut logs: Vec<_> = fs::read_dir(root().join("testdata/logs"))
        .expect("logs")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    logs.sort();
    let engine = Engine::new(Arc::clone(&lake), &Settings::default()).await.expect("an engine");
    let (run_time, stages) =
        ("stagelight_spark_executor_run_time_seconds_total", "stagelight_spark_stages_total");
    let mut live = LiveRollups::default();
    let mut before = counted(&engine, &mut live).await;
    for (n, logs) in logs.chunks(logs.len().div_ceil(3)).enumerate() {
        let found = discover(logs);
        ingest(&lake, found, &Options::default(), Arc::default()).await.expect("rows");
        engine.refresh().await.expect("it can be read");
        let families = counted(&engine, &mut live).await;
        for name in [run_time, stages] {
            assert!(sum(&families, name) > sum(&before, name), "{name} {logs:?}");
        }
        if n == 0 {
            assert!(engine.roll_up(|_, _| ()).await.expect("it is rolled up").applications > 0);
            assert_eq!(families, counted(&engine, &mut live).await, "{logs:?}");
        }
        before = families;
    }
    // Of what was kept from the calls before, nothing is missing or of another time.
    assert_eq!(before, counted(&engine, &mut LiveRollups::default()).await);
    let answer = engine.sql("SELECT sum(executor_run_time_ms) FROM stages").await.expect("a sum");
    let all = answer.batches[0].column(0).as_primitive::<Int64Type>().value(0);
    assert!((sum(&before, run_time) - all as f64 / 1000.0).abs() < 1e-6, "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_has_regressed_where_the_view_says_so() {
    let mut settings = Settings::default();
    for (name, value) in [
        ("regression_max_runs", 6.0),
        ("regression_min_runs", 3.0),
        ("regression_min_difference", 2.0),
        ("regression_ratio", 1.1),
        ("regression_z_score", 2.0),
    ] {
        settings.thresholds.set(name, value);
    }
    let (_folder, engine) = engine_of(&[root().join("testdata/runs")], &settings).await;
    let metrics = Metric::embedded().expect("headers are whole").into_iter();
    let metrics: Vec<_> = metrics.filter(|of| of.family.ends_with("_regressed")).collect();
    let families = engine.families(&metrics, WINDOW, &mut LiveRollups::default()).await;
    let family = families.expect("samples").families.remove(0);
    let of = |value: f64| -> Vec<String> {
        let samples = family.samples.iter().filter(|sample| sample.value == value);
        samples.map(|sample| sample.labels[3].clone()).collect()
    };
    let (regressed, others) = (of(1.0), of(0.0));
    assert!(!regressed.is_empty() && !others.is_empty(), "{regressed:?} {others:?}");
    let sql = "SELECT app_id FROM regressions
               WHERE scope = 'application' AND measure = 'duration_ms'";
    let said = text(&engine, sql).await;
    assert!(regressed.iter().all(|id| said.contains(id)), "{regressed:?} {said}");
    assert_eq!(said.lines().count(), regressed.len() + 4, "{said}");
}
