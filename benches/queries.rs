//! How long questions take: every view filtered to one application, and all metrics of a day.
//!
//! Prints a JSON object a line: what was asked, seconds of the first time, of the median and the
//! slowest of the others, and of the median of planning it alone.

use std::io::{Write, stdout};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use stagelight_lake::Lake;
use stagelight_query::{Engine, LiveRollups, Metric, Settings, View};

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
        let planned = measure(name, async || {
            engine.sql(&format!("EXPLAIN {sql}")).await?;
            Ok(0)
        })
        .await?;
        let asked = measure(name, async || {
            Ok(engine.sql(&sql).await?.batches.iter().map(|batch| batch.num_rows()).sum())
        })
        .await?;
        print(name, &asked, Some(planned.median))?;
    }
    if only.is_empty() || only.iter().any(|view| view == "metrics") {
        let metrics = Metric::embedded()?;
        // As between the snapshots of `serve`.
        let rollups = tokio::sync::Mutex::<LiveRollups>::default();
        let asked = measure("metrics", async || {
            let families =
                engine.families(&metrics, DAY, &mut *rollups.lock().await).await?.families;
            Ok(families.iter().map(|family| family.series()).sum())
        })
        .await?;
        print("metrics", &asked, None)?;
    }
    Ok(())
}

/// How many rows an answer has, and the seconds that it took.
struct Measured {
    rows: usize,
    first: f64,
    median: f64,
    slowest: f64,
}

async fn measure(name: &str, ask: impl AsyncFn() -> Result<usize>) -> Result<Measured> {
    let mut seconds = Vec::new();
    let mut rows = 0;
    for _ in 0..=AGAIN {
        let started = Instant::now();
        rows = ask().await.with_context(|| name.to_owned())?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    let first = seconds.remove(0);
    seconds.sort_by(f64::total_cmp);
    Ok(Measured { rows, first, median: seconds[AGAIN / 2], slowest: seconds[AGAIN - 1] })
}

fn print(name: &str, asked: &Measured, planned: Option<f64>) -> Result<()> {
    let Measured { rows, first, median, slowest } = asked;
    let planned = planned.map_or("null".to_owned(), |seconds| format!("{seconds:.4}"));
    writeln!(
        stdout(),
        r#"{{"asked": "{name}", "rows": {rows}, "first": {first:.4}, "median": {median:.4}, "slowest": {slowest:.4}, "planned": {planned}}}"#
    )?;
    Ok(())
}
