//! `stagelight demo --live`: logs that grow, and what a lake that follows them says meanwhile.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use stagelight_ingest::{Watch, WatchOptions, unpacked};
use stagelight_lake::Lake;
use stagelight_query::{Engine, Settings};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::args::Demo;
use crate::demo::{self, LOGS, WINDOW};
use crate::serve;
use crate::terminal::{heading, warn};

/// The logs that grow: one that spills, and one that fails.
const GROWING: [&str; 2] = [
    "spill-40/eventlog_v2_local-1795371572494/events_1_local-1795371572494.zstd",
    "failure-40/eventlog_v2_local-1795372001160/events_1_local-1795372001160.lz4",
];
static PROGRESS: &str = include_str!("../../../sql/demo/live.sql");
const EVENTS: &str = "SELECT app_id, max(events) AS events FROM sources GROUP BY app_id";

/// How often the lake is asked what it has: no time from flush to queryable is told shorter than it
/// was, and some are by so much longer.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How often that is shown.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// Shows the demo in `folder`; serves it until Ctrl-C unless told to stop.
pub(crate) async fn run(folder: &Path, command: &Demo) -> Result<ExitCode> {
    let (logs, lake_uri) = (folder.join("logs"), folder.join("lake").display().to_string());
    fs::create_dir(&logs)?;
    let growing = GROWING.map(|name| Growing::new(name, folder, &logs));
    let growing = growing.into_iter().collect::<Result<Vec<_>>>()?;

    let lake = Arc::new(Lake::create(&lake_uri).await?);
    // The logs are old: they must not be taken for those of drivers that have died.
    let mut questions = Settings::default();
    questions.thresholds.set("lost_after", WINDOW.as_secs_f64());
    // Who asks a lake waits for whoever else does so: each has it opened for itself, as if it were
    // in a process of its own.
    let engine = async || {
        let lake = Arc::new(Lake::open(&lake_uri).await?);
        anyhow::Ok(Engine::new(lake, &questions).await?)
    };
    let engines = Engines { shown: engine().await?, measured: engine().await? };
    let served = Arc::new(engine().await?);
    let settings = stagelight_server::Settings { metrics_window: WINDOW, ..Default::default() };
    let server = serve::bind_nearby(settings, command.listen).await?;
    let mut out = io::stdout();
    writeln!(
        out,
        "{} real logs are written to {} line by line, as Spark does, and followed into a lake.",
        growing.len(),
        logs.display()
    )?;
    demo::tell(&mut out, server.local_addr(), &lake_uri)?;

    let (end, ended) = oneshot::channel::<()>();
    let watch = Watch {
        folder: logs,
        options: WatchOptions::default(),
        metrics: Arc::default(),
        health: Arc::default(),
    };
    let mut watching = tokio::spawn(watch.run(lake, async {
        let _ = ended.await;
    }));
    let stop = serve::stopped()?;
    let shown = async {
        show(engines, growing, command.live_for, &mut out).await?;
        if command.once { anyhow::Ok(()) } else { std::future::pending().await }
    };
    tokio::select! {
        result = shown => result?,
        result = server.run(served, stop) => result?,
        result = &mut watching => {
            result.context("following the logs")??;
            bail!("the logs are not followed any more");
        }
    }
    drop(end);
    watching.await.context("following the logs")??;
    Ok(ExitCode::SUCCESS)
}

/// What answers those who ask.
struct Engines {
    shown: Engine,
    measured: Engine,
}

/// Lets the logs grow, shows what the lake has of them until it has all, and then the rest.
async fn show(
    engines: Engines,
    growing: Vec<Growing>,
    during: Duration,
    out: &mut impl Write,
) -> Result<()> {
    heading(out, "Now running")?;
    let (flushes, flushed) = mpsc::unbounded_channel();
    for log in growing {
        let flushes = flushes.clone();
        tokio::spawn(async move {
            if let Err(error) = log.grow(during, &flushes).await {
                warn(&format!("a log grows no more: {error}"));
            }
        });
    }
    drop(flushes);
    let measured = tokio::spawn(latencies(engines.measured, flushed));
    let mut screen = Screen::new();
    while !measured.is_finished() {
        sleep(SHOW_EVERY).await;
        screen.show(&engines.shown, out).await?;
    }
    let latencies = measured.await.context("measuring")??;
    screen.show(&engines.shown, out).await?;
    let at = |percent: usize| {
        let rank = latencies.len().saturating_sub(1) * percent / 100;
        latencies.get(rank).copied().unwrap_or_default().as_secs_f64()
    };
    writeln!(
        out,
        "From flush to queryable: {:.2} s in the median, {:.2} s for 95 of 100, {:.2} s at most, of \
         {} flushes.",
        at(50),
        at(95),
        at(100),
        latencies.len()
    )?;
    demo::answer(&engines.shown, out).await
}

/// From each of `flushes` to the first answer that has it, the shortest first. Asks until there are
/// no more.
async fn latencies(
    engine: Engine,
    mut flushes: mpsc::UnboundedReceiver<Flush>,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let mut waiting = Vec::new();
    while !flushes.is_closed() || !flushes.is_empty() || !waiting.is_empty() {
        sleep(ASK_EVERY).await;
        while let Ok(flush) = flushes.try_recv() {
            waiting.push(flush);
        }
        if !engine.refresh().await? {
            continue;
        }
        let answer = demo::rows(&engine.sql(EVENTS).await?.batches)?;
        let events = |app: &str| {
            let of_app = answer.iter().find(|row| row[0].1 == app);
            of_app.and_then(|row| row[1].1.parse().ok()).unwrap_or(0_usize)
        };
        waiting.retain(|flush: &Flush| {
            let is_there = events(flush.app) >= flush.events;
            if is_there {
                latencies.push(flush.at.elapsed());
            }
            !is_there
        });
    }
    latencies.sort_unstable();
    Ok(latencies)
}

/// A line was flushed to a log.
struct Flush {
    app: &'static str,
    /// How many the log has with it.
    events: usize,
    at: Instant,
}

/// A log that is written as Spark does.
struct Growing {
    app: &'static str,
    bytes: Vec<u8>,
    finished: PathBuf,
}

impl Growing {
    /// The log `name` of the examples, to be written into `logs`.
    fn new(name: &'static str, folder: &Path, logs: &Path) -> Result<Self> {
        let packed = folder.join("packed");
        let file = LOGS.get_file(name).with_context(|| format!("{name} is not there"))?;
        fs::write(&packed, file.contents())?;
        let bytes = unpacked(&packed).context("unpacking an example log")?;
        let app = name.split('/').nth(1).and_then(|folder| folder.strip_prefix("eventlog_v2_"));
        let app = app.with_context(|| format!("{name} is no rolling log"))?;
        Ok(Self { app, bytes, finished: logs.join(app) })
    }

    async fn grow(
        self,
        during: Duration,
        flushes: &mpsc::UnboundedSender<Flush>,
    ) -> io::Result<()> {
        let unfinished = self.finished.with_extension("inprogress");
        let mut file = OpenOptions::new().create_new(true).append(true).open(&unfinished)?;
        let lines: Vec<_> = self.bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let pause = during / u32::try_from(lines.len().max(1)).unwrap_or(u32::MAX);
        for (line, events) in lines.iter().zip(1..) {
            file.write_all(line)?;
            file.flush()?;
            // Who does not listen any more has seen enough.
            let _ = flushes.send(Flush { app: self.app, events, at: Instant::now() });
            sleep(pause).await;
        }
        fs::rename(unfinished, self.finished)
    }
}

/// Where progress is shown: a table that is drawn anew, or a line for each change.
struct Screen {
    is_terminal: bool,
    began: Instant,
    /// Lines of the table that is there.
    height: usize,
    rows: Vec<Vec<(String, String)>>,
}

impl Screen {
    fn new() -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self { is_terminal, began: Instant::now(), height: 0, rows: Vec::new() }
    }

    /// Shows what has changed.
    async fn show(&mut self, engine: &Engine, out: &mut impl Write) -> Result<()> {
        if !engine.refresh().await? {
            return Ok(());
        }
        let batches = engine.sql(PROGRESS).await?.batches;
        if self.is_terminal {
            let mut table = Vec::new();
            demo::show(&batches, &mut table)?;
            if self.height > 0 {
                write!(out, "\x1b[{}A\x1b[J", self.height)?;
            }
            out.write_all(&table)?;
            self.height = table.iter().filter(|byte| **byte == b'\n').count();
            return Ok(out.flush()?);
        }
        let seconds = self.began.elapsed().as_secs_f64();
        let rows = demo::rows(&batches)?;
        for row in rows.iter().filter(|row| !self.rows.contains(row)) {
            let values: Vec<_> =
                row[1..].iter().map(|(name, value)| format!("{name} {value}")).collect();
            writeln!(out, "{seconds:5.1} s  {}: {}", row[0].1, values.join(", "))?;
        }
        self.rows = rows;
        Ok(())
    }
}
