//! A question about one application reads the files of that application and no others.

use std::sync::Arc;

use arrow::array::AsArray;
use stagelight_lake::Lake;
use stagelight_query::{Engine, Settings, View};

#[tokio::test]
async fn the_application_is_asked_of_every_table_below_a_view() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::create(&folder.path().display().to_string()).await.expect("a lake");
    let engine = Engine::new(Arc::new(lake), &Settings::default()).await.expect("an engine");
    let mut views = 0;
    for View { name, .. } in View::all() {
        let sql = format!("EXPLAIN SELECT * FROM {name} WHERE app_id = 'a'");
        // What has no application is of the whole lake.
        let Ok(answer) = engine.sql(&sql).await else { continue };
        let plan = answer.batches[0].column_by_name("plan").expect("plans");
        let plan = plan.as_string::<i32>().value(0);
        let is_scan = |line: &&str| line.contains("TableScan: ") && !line.contains(": known.");
        for scan in plan.lines().filter(is_scan) {
            let filters = scan.split_once("_filters=").map_or("", |(_, filters)| filters);
            assert!(filters.contains("app_id = "), "{name} reads all of {}", scan.trim());
        }
        views += usize::from(plan.lines().any(|line| is_scan(&line)));
    }
    assert!(views > 20, "only {views} views have an application");
}
