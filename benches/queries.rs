//! How long questions take: every view filtered to one application, and all metrics of a day.
//!
//! Prints a JSON object a line: what was asked, seconds of the first time, and of the median and
//! the slowest of the others.

use std::io::{Write, stdout};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use stagelight_lake::Lake;
use stagelight_query::{Engine, Metric, Settings, View};

/// So often each question is asked again.
const AGAIN: usize = 7;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (lake, app_id) =
        args.next().zip(args.next()).context("usage: queries LAKE APP_ID [VIEW...]")?;
    let only: Vec<String> = args.collect();
    let lake = Arc::new(Lake::open(&lake).await?);
    let engine = Engine::new(lake, &Settings::default()).await?;
    for View { name, .. } in View::all() {
        if !only.is_empty() && !only.iter().any(|view| view == name) {
            continue;
        }
        let columns = engine.sql(&format!("SELECT * FROM {name} LIMIT 0")).await?.schema;
        if columns.index_of("app_id").is_err() {
            continue;
        }
        let sql = format!("SELECT * FROM {name} WHERE app_id = '{app_id}'");
        measure(&format!("plan of {name}"), async || {
            engine.sql(&format!("EXPLAIN {sql}")).await?;
            Ok(0)
        })
        .await?;
        measure(name, async || {
            Ok(engine.sql(&sql).await?.batches.iter().map(|batch| batch.num_rows()).sum())
        })
        .await?;
    }
    if only.is_empty() || only.iter().any(|view| view == "metrics") {
        let metrics = Metric::embedded()?;
        measure("metrics", async || {
            let families = engine.families(&metrics, DAY).await?;
            Ok(families.iter().map(|family| family.samples.len()).sum())
        })
        .await?;
    }
    Ok(())
}

async fn measure(name: &str, ask: impl AsyncFn() -> Result<usize>) -> Result<()> {
    let mut seconds = Vec::new();
    let mut rows = 0;
    for _ in 0..=AGAIN {
        let started = Instant::now();
        rows = ask().await.with_context(|| name.to_owned())?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    let first = seconds.remove(0);
    seconds.sort_by(f64::total_cmp);
    let (median, slowest) = (seconds[AGAIN / 2], seconds[AGAIN - 1]);
    writeln!(
        stdout(),
        r#"{{"asked": "{name}", "rows": {rows}, "first": {first:.4}, "median": {median:.4}, "slowest": {slowest:.4}}}"#
    )?;
    Ok(())
}
