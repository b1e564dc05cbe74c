//! `stagelight ingest`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use stagelight_ingest::{
    Address, Discoveries, Options, Progress, Report, S3, aws_settings, discover, ingest, retry,
};
use stagelight_lake::Lake;

use crate::args::{Global, Ingest, SummaryFormat};
use crate::places::local;
use crate::terminal::{bytes, count, warn};

/// Exit code when something went to quarantine.
const QUARANTINED: u8 = 3;

/// Reads logs into the lake and says what it did.
pub(crate) async fn run(global: &Global, command: &Ingest) -> Result<ExitCode> {
    let options = Options {
        threads: command.decoding.threads(),
        max_line_bytes: command.decoding.max_line_bytes,
        ..Options::default()
    };
    let found = find(&command.paths).await?;
    let lake = Arc::new(retry::lake(|| Lake::create(&global.lake)).await?);
    let report = with_progress(&lake, found, &options).await?;
    match command.summary {
        SummaryFormat::Text => summary(&mut io::stdout().lock(), &report, &global.lake)?,
        SummaryFormat::Json => summary_json(&mut io::stdout().lock(), &report)?,
    }
    Ok(if report.quarantined > 0 { ExitCode::from(QUARANTINED) } else { ExitCode::SUCCESS })
}

/// What is at `paths`, of which some may be in a bucket.
async fn find(paths: &[PathBuf]) -> Result<Discoveries> {
    let mut files = Vec::new();
    let mut places = Vec::new();
    for path in paths {
        let text = path.to_string_lossy();
        match (Address::parse(&text), local(path)?) {
            (Some(place), _) => places.push(place),
            (None, Some(file)) => files.push(file),
            (None, None) => bail!("{text} cannot be read: logs are files, folders and s3://"),
        }
    }
    // Where something is there, that is read, and the rest goes to quarantine.
    let is_nowhere = |file: &PathBuf| matches!(file.try_exists(), Ok(false));
    if let Some(file) = files.first().filter(|_| places.is_empty() && files.iter().all(is_nowhere))
    {
        bail!("{} is not there: name a log, or a folder of logs", file.display());
    }
    let here = tokio::task::spawn_blocking(move || discover(&files)).await?.into();
    if places.is_empty() {
        return Ok(here);
    }
    let s3 = S3::new(&aws_settings().await);
    Ok(here.and(Discoveries::list(Arc::new(s3), places)))
}

/// Ingests, with a bar on a terminal.
pub(crate) async fn with_progress(
    lake: &Arc<Lake>,
    found: impl Into<Discoveries>,
    options: &Options,
) -> Result<Report> {
    let progress = Arc::new(Progress::default());
    let bar = io::stderr().is_terminal().then(bar);
    let ticking = bar.clone().map(|bar| {
        let progress = Arc::clone(&progress);
        tokio::spawn(async move {
            loop {
                bar.set_length(progress.bytes_found());
                bar.set_position(progress.bytes().min(progress.bytes_found()));
                bar.set_message(format!("{} events", count(progress.events())));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    });
    let report = ingest(lake, found, options, progress).await;
    if let Some(ticking) = ticking {
        ticking.abort();
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(report?)
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{elapsed_precise} {bar:40.green/dim} {bytes}/{total_bytes} {msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn summary(out: &mut impl Write, report: &Report, lake: &str) -> io::Result<()> {
    for (name, problem) in &report.problems {
        warn(&format!("{name}: {}: {}", problem.reason(), problem.detail()));
    }
    let seconds = report.elapsed.as_secs_f64();
    let lines = [
        ("logs", count(report.logs as u64)),
        (
            "segments",
            format!(
                "{} ({} already in)",
                count(report.segments as u64),
                count(report.already_in as u64)
            ),
        ),
        ("events", count(report.events)),
        ("rows", count(report.rows)),
        (
            "bytes",
            format!("{} ({} decompressed)", bytes(report.bytes), bytes(report.bytes_uncompressed)),
        ),
        ("seconds", format!("{seconds:.2}")),
        ("MB/s", format!("{:.0}", report.megabytes_per_second())),
        ("quarantined", count(report.quarantined)),
    ];
    for (name, value) in lines {
        writeln!(out, "{name:<12} {value}")?;
    }
    if report.quarantined > 0 {
        writeln!(
            out,
            "\nWhat could not be read: stagelight sql --lake {lake} 'SELECT * FROM quarantine'"
        )?;
    }
    Ok(())
}

fn summary_json(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|(name, problem)| {
            json!({ "file": name, "reason": problem.reason(), "detail": problem.detail() })
        })
        .collect();
    let summary = json!({
        "logs": report.logs,
        "segments": report.segments,
        "already_in": report.already_in,
        "skipped": report.skipped,
        "events": report.events,
        "rows": report.rows,
        "bytes": report.bytes,
        "bytes_uncompressed": report.bytes_uncompressed,
        "seconds": report.elapsed.as_secs_f64(),
        "mb_per_second": report.megabytes_per_second(),
        "quarantined": report.quarantined,
        "problems": problems,
    });
    writeln!(out, "{summary}")
}
