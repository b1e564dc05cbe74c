//! `stagelight demo`: real logs, a throw-away lake, and what can be seen in it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use include_dir::{Dir, include_dir};
use stagelight_ingest::{Options, discover};
use stagelight_lake::Lake;
use stagelight_query::{Engine, Settings};

use crate::args::{Demo, Global};
use crate::ingest::with_progress;
use crate::live;
use crate::serve;
use crate::terminal::{self, bytes, count, heading};

pub(crate) static LOGS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../testdata/logs");
static QUESTIONS: [(&str, &str); 4] = [
    ("Applications", include_str!("../../../sql/demo/applications.sql")),
    ("The five slowest stages", include_str!("../../../sql/demo/slowest_stages.sql")),
    ("What failed, and why", include_str!("../../../sql/demo/failures.sql")),
    ("What could be better (`findings` says how)", include_str!("../../../sql/demo/findings.sql")),
];

/// The logs are old: their series must not age out while somebody looks.
pub(crate) const WINDOW: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Shows the demo; serves it until Ctrl-C unless told to stop.
pub(crate) async fn run(_global: &Global, command: &Demo) -> Result<ExitCode> {
    let folder = tempfile::Builder::new()
        .prefix("stagelight-demo-")
        .tempdir()
        .context("making a folder for the demo")?;
    if command.live {
        return live::run(folder.path(), command).await;
    }
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs)?;
    LOGS.extract(&logs).context("unpacking the example logs")?;
    let lake_uri = folder.path().join("lake").display().to_string();
    let lake = Arc::new(Lake::create(&lake_uri).await?);
    let report = with_progress(&lake, discover(&[logs]), &Options::default()).await?;
    let engine = Arc::new(Engine::new(lake, &Settings::default()).await?);

    let mut out = io::stdout();
    writeln!(
        out,
        "{} logs, {} events, {} of JSON, read in {:.2} s; {} lines in quarantine (some of these \
         logs were cut on purpose)",
        report.logs,
        count(report.events),
        bytes(report.bytes_uncompressed),
        report.elapsed.as_secs_f64(),
        report.quarantined
    )?;
    answer(&engine, &mut out).await?;
    if command.once {
        return Ok(ExitCode::SUCCESS);
    }
    let settings = stagelight_server::Settings { metrics_window: WINDOW, ..Default::default() };
    let server = serve::bind_nearby(settings, command.listen).await?;
    tell(&mut out, server.local_addr(), &lake_uri)?;
    server.run(engine, serve::stopped()?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Asks the questions, and shows what is answered.
pub(crate) async fn answer(engine: &Engine, out: &mut impl Write) -> Result<()> {
    for (title, question) in QUESTIONS {
        heading(out, title)?;
        show(&engine.sql(question).await?.batches, out)?;
    }
    Ok(())
}

pub(crate) fn tell(out: &mut impl Write, address: SocketAddr, lake: &str) -> Result<()> {
    heading(out, "Now open")?;
    writeln!(out, "  http://{address}/metrics")?;
    writeln!(out, "or, in another terminal, ask in SQL:")?;
    writeln!(out, "  stagelight sql --lake {lake}")?;
    writeln!(out, "Ctrl-C ends the demo and removes its lake.")?;
    Ok(())
}

/// A table whose times and sizes are for people: columns that end in `_ms` and `_bytes`.
pub(crate) fn show(batches: &[RecordBatch], out: &mut impl Write) -> Result<()> {
    let Some(first) = batches.iter().find(|batch| batch.num_rows() > 0) else {
        return Ok(writeln!(out, "nothing")?);
    };
    let schema = first.schema();
    let columns = schema.fields().iter().map(|field| Shown::of(field.name()));
    let header: Vec<_> = columns.map(|column| column.header.replace('_', " ")).collect();
    let figures: Vec<_> = schema.fields().iter().map(|f| f.data_type().is_numeric()).collect();
    let mut table = terminal::table(&header, &figures);
    for row in rows(batches)? {
        table.add_row(row.iter().map(|(_, value)| terminal::cell(&terminal::shown(value))));
    }
    Ok(writeln!(out, "{table}")?)
}

/// Each row as people read it: name and value of every column.
pub(crate) fn rows(batches: &[RecordBatch]) -> Result<Vec<Vec<(String, String)>>> {
    let options = FormatOptions::new().with_timestamp_tz_format(Some("%Y-%m-%d %H:%M"));
    let mut rows = Vec::new();
    for batch in batches {
        let schema = batch.schema();
        let columns = schema.fields().iter().map(|field| Shown::of(field.name()));
        let columns = columns
            .zip(batch.columns())
            .map(|(shown, column)| Ok((shown, ArrayFormatter::try_new(column, &options)?)))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let value = |(shown, values): &(Shown<'_>, ArrayFormatter<'_>)| {
                (shown.header.replace('_', " "), (shown.text)(&values.value(row).to_string()))
            };
            rows.push(columns.iter().map(value).collect());
        }
    }
    Ok(rows)
}

struct Shown<'a> {
    header: &'a str,
    text: fn(&str) -> String,
}

impl<'a> Shown<'a> {
    fn of(column: &'a str) -> Self {
        if let Some(header) = column.strip_suffix("_ms") {
            return Self { header, text: |ms| ms.parse().map_or_else(|_| ms.into(), duration) };
        }
        if let Some(header) = column.strip_suffix("_bytes") {
            return Self { header, text: |n| n.parse().map_or_else(|_| n.into(), size) };
        }
        Self { header: column, text: str::to_owned }
    }
}

fn size(number: u64) -> String {
    if number == 0 { "-".to_owned() } else { bytes(number) }
}

fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_for_people() {
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(1_950), "1.9 s");
        assert_eq!(duration(61_000), "1 min 1 s");
        assert_eq!(duration(5_400_000), "1 h 30 min");
    }
}
