//! A question about one application reads the files of that application and no others.

use arrow::array::AsArray;
use stagelight_query::{Settings, View};

use crate::{engine_of, root};

/// What is judged by other applications has to read them.
const OF_OTHERS: [&str; 1] = ["regressions"];

#[tokio::test]
async fn the_application_is_asked_of_every_table_below_a_view() {
    let (_folder, engine) = engine_of(&[], &Settings::default()).await;
    let mut views = 0;
    for View { name, sql } in View::all() {
        if OF_OTHERS.contains(&name) {
            continue;
        }
        // Of a shared view, only its own text shows what is below it.
        let sql = format!("EXPLAIN SELECT * FROM ({sql}) WHERE app_id = 'a'");
        // What has no application is of the whole lake.
        let Ok(answer) = engine.sql(&sql).await else { continue };
        let plan = answer.batches[0].column_by_name("plan").expect("plans");
        let plan = plan.as_string::<i32>().value(0);
        for scan in plan.lines().filter(is_scan) {
            let filters = scan.split_once("_filters=").map_or("", |(_, filters)| filters);
            assert!(filters.contains("app_id = "), "{name} reads all of {}", scan.trim());
        }
        views += usize::from(plan.lines().any(|line| is_scan(&line)));
    }
    assert!(views > 20, "only {views} views have an application");
}

#[tokio::test]
async fn a_comparison_asks_every_table_for_its_two_applications() {
    let logs = ["billing-plain-35", "failure-40"].map(|log| root().join("testdata/logs").join(log));
    let (_folder, engine) = engine_of(&logs, &Settings::default()).await;
    let compared = "compare('local-1795371532772', 'local-1795372001160')";
    let answer = engine.sql(&format!("EXPLAIN SELECT * FROM {compared}")).await.expect("a plan");
    let plan = answer.batches[0].column_by_name("plan").expect("plans");
    let plan = plan.as_string::<i32>().value(0);
    let scans: Vec<_> = plan.lines().filter(is_scan).collect();
    assert!(scans.len() > 10, "{plan}");
    for scan in scans {
        let filters = scan.split_once("_filters=").map_or("", |(_, filters)| filters);
        assert!(filters.contains("app_id = "), "it reads all of {}", scan.trim());
    }
}

#[tokio::test]
async fn the_applications_of_the_metrics_are_asked_of_every_table() {
    let (_folder, engine) = engine_of(&[], &Settings::default()).await;
    let entries = ["sql/recent", "sql/rollups"]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).expect("a folder of files"));
    for entry in entries {
        let path = entry.expect("an entry").path();
        let sql = std::fs::read_to_string(&path).expect("a file");
        if !sql.contains("$app_ids") {
            continue;
        }
        let sql = sql.replace("$app_ids", "make_array('a', 'b', 'c', 'd')");
        let sql = sql.replace("$window", "INTERVAL '1 day'").replace("$definition", "''");
        // What is computed anew is in memory.
        let sql = sql.replace("live.", "lake.");
        let of_them = "applications WHERE array_has(make_array('a', 'b', 'c', 'd'), app_id)";
        let deployments = format!(
            "(SELECT *, '' AS cluster, '' AS driver_pod, '' AS executor_pod_prefix FROM {of_them}) \
             AS deployments"
        );
        let sql = sql.replace("recent.deployments", &deployments);
        let answer = engine.sql(&format!("EXPLAIN {sql}")).await.expect("a plan");
        let plan = answer.batches[0].column_by_name("plan").expect("plans");
        let plan = plan.as_string::<i32>().value(0);
        let of_events = |line: &&str| is_scan(line) && !line.contains(": lake.application_totals");
        for scan in plan.lines().filter(of_events) {
            assert!(scan.contains("app_id IN ("), "{path:?} reads all of {}", scan.trim());
        }
    }
}

/// Shared views that are of no application.
const OF_NONE: [&str; 2] = ["TableScan: thresholds ", "TableScan: findings_levels "];

fn is_scan(line: &&str) -> bool {
    line.contains("TableScan: ")
        && !line.contains(": known.")
        && !OF_NONE.iter().any(|view| line.contains(view))
}
