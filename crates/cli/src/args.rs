//! The command line. Each flag is declared here and nowhere else: `config` gives every one of
//! them its environment variable and its place in the configuration file.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use stagelight_ingest::{Address, Options};
use stagelight_lake::KEPT_AT_LEAST;
use stagelight_query::{Settings, Threshold};
use url::Url;

/// What happened in a Spark application, answered in a second.
///
/// Reads Spark event logs into a lake of Delta tables, and answers SQL and Prometheus from it.
#[derive(Debug, Parser)]
#[command(
    name = "stagelight",
    version,
    after_help = "Every flag also reads an environment variable (--lake reads STAGELIGHT_LAKE) and \
                  the configuration file (lake = \"...\"; a command's own flags under its name). \
                  A flag beats the environment, which beats the file."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// The lake: a folder, or a place in a bucket as in s3://bucket/lake
    #[arg(long, global = true, value_name = "URI", default_value = "./lake")]
    pub(crate) lake: String,
    /// Configuration file [default: $XDG_CONFIG_HOME/stagelight/config.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Which log messages go to stderr, in the language of RUST_LOG [default: $RUST_LOG, or
    /// warn; of worker and watch, info]
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How log messages look
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// How log messages look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(Demo),
    Ingest(Ingest),
    Sql(Sql),
    Serve(Serve),
    Worker(Worker),
    Replay(Replay),
    Maintain(Maintain),
    Watch(Watch),
    Doctor(Doctor),
}

/// Show what Stagelight finds in example logs, then serve it
///
/// Makes a throw-away lake from real logs that are part of the binary, prints the applications,
/// the slowest stages and what failed, and serves the rest until Ctrl-C. --lake plays no part.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Stop after printing
    #[arg(long)]
    pub(crate) once: bool,
    /// Let logs grow as Spark writes them, and show them while they do
    #[arg(long)]
    pub(crate) live: bool,
    /// How long logs grow
    #[arg(long, value_name = "DURATION", default_value = "20s", requires = "live", value_parser = interval)]
    pub(crate) live_for: Duration,
    /// Where to serve; another port if this one is taken
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464")]
    pub(crate) listen: SocketAddr,
}

/// Read event logs into the lake
///
/// What the lake has already is not read again. Exit code 3 says that something went to
/// quarantine; the rest is in.
#[derive(Args, Debug)]
pub(crate) struct Ingest {
    /// Logs: a file, a rolling folder, or a tree of them; on this machine, or s3://bucket/prefix
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) decoding: Decoding,
    /// How the summary looks
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) summary: SummaryFormat,
}

/// How logs are decoded.
#[derive(Args, Debug)]
pub(crate) struct Decoding {
    /// Threads that decode [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// A longer line goes to quarantine
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub(crate) max_line_bytes: usize,
}

impl Decoding {
    pub(crate) fn threads(&self) -> NonZeroUsize {
        self.threads.unwrap_or_else(|| Options::default().threads)
    }
}

/// How a summary looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// Ask the lake
///
/// Without QUERY, reads standard input; on a terminal, starts a shell.
#[derive(Args, Debug)]
pub(crate) struct Sql {
    /// What to ask; several statements are parted by semicolons
    #[arg(value_name = "QUERY")]
    pub(crate) query: Option<String>,
    /// How answers look
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) engine: Engine,
}

impl Command {
    /// How questions are answered, where it asks any.
    pub(crate) fn engine(&mut self) -> Option<&mut Engine> {
        match self {
            Self::Sql(Sql { engine, .. })
            | Self::Serve(Serve { engine, .. })
            | Self::Maintain(Maintain { engine, .. })
            | Self::Doctor(Doctor { engine, .. }) => Some(engine),
            Self::Demo(_)
            | Self::Ingest(_)
            | Self::Worker(_)
            | Self::Replay(_)
            | Self::Watch(_) => None,
        }
    }
}

/// How questions are answered.
#[derive(Args, Debug)]
pub(crate) struct Engine {
    /// Memory for questions in MiB; what needs more spills to disk or fails
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub(crate) memory_mib: usize,
    /// Another value for a threshold of the view `thresholds`, as in `lost_after=36h`; several are parted
    /// by commas. Of one name, that of the flag goes before the environment's and the file's
    #[arg(long, value_name = "NAME=VALUE", value_parser = threshold, value_delimiter = ',')]
    pub(crate) threshold: Vec<(String, Threshold)>,
}

impl Engine {
    /// The settings that the flags are; of two thresholds of one name, the last.
    pub(crate) fn settings(&self) -> Settings {
        let memory_bytes = self.memory_mib.saturating_mul(1 << 20);
        let mut settings = Settings { memory_bytes, ..Settings::default() };
        for (name, value) in &self.threshold {
            settings.thresholds.set(name, *value);
        }
        settings
    }
}

/// How answers look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// Comma-separated, with a header
    Csv,
    /// One array of objects
    Json,
    /// One object a line
    Ndjson,
    /// A Parquet file
    Parquet,
}

/// Serve Prometheus metrics from the lake
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464")]
    pub(crate) listen: SocketAddr,
    /// Per-application series cover applications with an event in the last so long
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    pub(crate) metrics_window: Duration,
    /// More metrics: a folder of SQL files with headers as those of `sql/metrics`
    #[arg(long, value_name = "DIR")]
    pub(crate) metrics_dir: Option<PathBuf>,
    /// So many series at most tell of Spark; those with the greatest values, the rest is summed up.
    /// 1,000 at least
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = series)]
    pub(crate) max_series: usize,
    /// How often to look for news in the lake
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = interval)]
    pub(crate) refresh: Duration,
    #[command(flatten)]
    pub(crate) engine: Engine,
}

/// Read what a queue announces into the lake, until SIGTERM
///
/// The queue is one of SQS that S3 tells of new objects, directly, through SNS or EventBridge. Any
/// number of workers share a queue and a lake; every row is in the lake once, whatever dies.
#[derive(Args, Debug)]
pub(crate) struct Worker {
    /// The queue
    #[arg(long, value_name = "URL", value_parser = queue_url)]
    pub(crate) queue_url: String,
    /// Only objects here or below, as in s3://bucket/prefix
    #[arg(long, value_name = "URI", value_parser = address)]
    pub(crate) prefix: Option<Address>,
    /// Where to answer /metrics, /healthz and /readyz
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9465")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) decoding: Decoding,
    /// A larger object goes to quarantine
    #[arg(long, value_name = "MIB", default_value_t = 16 << 10)]
    pub(crate) max_object_mib: u64,
    /// Memory for bytes that are fetched and not yet decoded
    #[arg(long, value_name = "MIB", default_value_t = 192)]
    pub(crate) in_flight_mib: u64,
    /// Commit when so many segments are read
    #[arg(long, value_name = "N", default_value = "256")]
    pub(crate) commit_segments: NonZeroUsize,
    /// Commit when so many rows are read
    #[arg(long, value_name = "N", default_value_t = 50_000_000)]
    pub(crate) commit_rows: u64,
    /// Commit when data files have so much
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub(crate) commit_mib: u64,
    /// Commit when the first segment was read so long ago
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = interval)]
    pub(crate) commit_after: Duration,
    /// How long a message is hidden from other workers at a time; extended while it is worked on
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = visibility)]
    pub(crate) visibility_timeout: Duration,
    /// What cannot be read goes to quarantine when it was received so often [default: 10; where the
    /// queue has a dead-letter queue, never]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_receives: Option<u32>,
    /// How long stopping may take
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = duration)]
    pub(crate) drain_timeout: Duration,
    /// List --prefix so often, for what was never announced
    #[arg(long, value_name = "DURATION", requires = "prefix", value_parser = interval)]
    pub(crate) reconcile_every: Option<Duration>,
}

/// Put into a queue again what a worker is to read
///
/// What the lake has by then is not read again. Name what is meant: places, --dead-letters,
/// --quarantine, or several of them.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["places", "dead_letters", "quarantine"])))]
pub(crate) struct Replay {
    /// Objects here or below that the lake does not have, as in s3://bucket/prefix
    #[arg(value_name = "URI", value_parser = address)]
    pub(crate) places: Vec<Address>,
    /// The queue
    #[arg(long, value_name = "URL", value_parser = queue_url)]
    pub(crate) queue_url: String,
    /// The messages of this queue, which are taken out of it
    #[arg(long, value_name = "URL", value_parser = queue_url)]
    pub(crate) dead_letters: Option<String>,
    /// Objects that went to quarantine whole: not readable, too large
    #[arg(long)]
    pub(crate) quarantine: bool,
}

/// Keep the lake quick and small
///
/// Merges small files of each table and day, writes checkpoints, deletes what no table has any more, and
/// rolls up what each application adds up to, which `serve` has to compute by itself else. Readers and
/// workers go on meanwhile; the rows stay as they are. Event logs are deleted only where --clean-logs
/// says so.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("limits").multiple(true).args(["clean_after", "clean_max_logs", "clean_max_gib"]).requires("clean_logs")))]
pub(crate) struct Maintain {
    /// Only tell what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// About how large a merged file gets; files of half of that are left alone
    #[arg(long, value_name = "MIB", default_value_t = 128, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub(crate) target_mib: u64,
    /// Merge when a table has so many small files of the current day; of a day before, two will do
    #[arg(long, value_name = "N", default_value = "8")]
    pub(crate) min_files: NonZeroUsize,
    /// Leave segments alone that were changed less than so long ago
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub(crate) settled: Duration,
    /// Delete files that no table has had for so long; an hour at least
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = hour_at_least)]
    pub(crate) vacuum_after: Duration,
    /// Delete entries of the tables' logs that are older and in a checkpoint; an hour at least
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = hour_at_least)]
    pub(crate) keep_history: Duration,
    /// Delete event logs below, a folder or s3://bucket/prefix, that one of the next three flags is
    /// against: only logs that have ended and that the lake has whole
    #[arg(long, value_name = "PATH", requires = "limits")]
    pub(crate) clean_logs: Option<PathBuf>,
    /// Logs that were last changed longer ago
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) clean_after: Option<Duration>,
    /// The oldest logs, if there are more than so many
    #[arg(long, value_name = "N")]
    pub(crate) clean_max_logs: Option<usize>,
    /// The oldest logs, if all have more than so much together
    #[arg(long, value_name = "GIB")]
    pub(crate) clean_max_gib: Option<u64>,
    #[command(flatten)]
    pub(crate) engine: Engine,
    /// How the summary looks
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) summary: SummaryFormat,
}

/// Check an installation, and say what is wrong and how to mend it
///
/// Asks the lake and what is named of queue and logs, with the credentials that it has: run it where, and as
/// whom, a worker, `serve` or `maintain` runs. It changes nothing. Exit code 3 says that something is wrong.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// The queue that workers receive from
    #[arg(long, value_name = "URL", value_parser = queue_url)]
    pub(crate) queue_url: Option<String>,
    /// Where the logs are, as in s3://bucket/prefix
    #[arg(long, value_name = "URI", value_parser = address)]
    pub(crate) prefix: Option<Address>,
    /// Whose rights are to be there
    #[arg(long, value_name = "ROLE", default_value = "worker")]
    pub(crate) role: Role,
    /// How what it says looks
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) summary: SummaryFormat,
    #[command(flatten)]
    pub(crate) engine: Engine,
}

/// Who runs with rights of his own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Reads logs, writes the lake
    Worker,
    /// Reads the lake
    Serve,
    /// Writes the lake and deletes from it; with --prefix, also logs (--clean-logs)
    Maintain,
}

/// Reads a [`duration`] after which a lake's files may be deleted.
fn hour_at_least(text: &str) -> Result<Duration, String> {
    let keep = duration(text)?;
    if keep < KEPT_AT_LEAST {
        return Err("an hour at least: sooner, somebody may still read or commit it".to_owned());
    }
    Ok(keep)
}

/// Follow a folder of event logs into the lake while Spark writes them, until SIGTERM
///
/// A log is queryable within a second of being flushed, files in progress included. A file is read
/// from its beginning whenever it has grown, and then rests for five times what that took.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// The folder, as spark.eventLog.dir names it; with all that is below
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Where to answer /metrics, /healthz and /readyz
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9466")]
    pub(crate) listen: SocketAddr,
    /// Look at the whole folder so often, for what no event of the file system has told
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = interval)]
    pub(crate) sweep_every: Duration,
    #[command(flatten)]
    pub(crate) decoding: Decoding,
}

/// Reads a number of series of which each family gets some.
fn series(text: &str) -> Result<usize, String> {
    let most = text.parse().map_err(|_| "no number of series".to_owned())?;
    if most < 1_000 {
        Err("1000 at least: of fewer, families get none".to_owned())
    } else {
        Ok(most)
    }
}

/// Reads `s3://bucket/prefix`.
fn address(text: &str) -> Result<Address, String> {
    Address::parse(text).ok_or_else(|| format!("`{text}` is not s3://bucket/prefix"))
}

/// Reads `https://sqs.eu-central-1.amazonaws.com/123456789012/logs`, which is not a queue's name.
fn queue_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let is_queue = url.is_some_and(|url| url.path().len() > 1);
    if is_queue { Ok(text.to_owned()) } else { Err("no https://…, as SQS gives it".to_owned()) }
}

/// Reads `name=12.5` and `name=36h`.
fn threshold(text: &str) -> Result<(String, Threshold), String> {
    // A list has spaces behind its commas.
    let text = text.trim();
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    let value = match value.parse() {
        Ok(number) if f64::is_finite(number) && number >= 0.0 => Threshold::Number(number),
        Ok(_) => return Err(format!("`{value}` is no number from 0 on")),
        Err(_) => duration(value)
            .map(Threshold::Duration)
            .map_err(|error| format!("{error}, and no number"))?,
    };
    Ok((name.to_owned(), value))
}

/// Reads `90s`, `5m`, `24h`, `3650d` and sums such as `1h30m`, as Prometheus does.
fn duration(text: &str) -> Result<Duration, String> {
    let error = || format!("`{text}` is no duration such as 30s, 5m, 24h or 7d");
    let mut rest = text;
    let mut seconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let number: u64 = rest[..digits].parse().map_err(|_| error())?;
        let unit = rest[digits..].chars().next().ok_or_else(error)?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            'y' => 31_536_000,
            _ => return Err(error()),
        };
        let part = number.checked_mul(factor).ok_or_else(error)?;
        seconds = seconds.checked_add(part).ok_or_else(error)?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    if text.is_empty() { Err(error()) } else { Ok(Duration::from_secs(seconds)) }
}

/// Reads a [`duration`] that is some time.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval.is_zero() { Err("it must be a second at least".to_owned()) } else { Ok(interval) }
}

/// Of which SQS allows twelve hours.
fn visibility(text: &str) -> Result<Duration, String> {
    let timeout = interval(text)?;
    let is_allowed = timeout <= Duration::from_secs(12 * 3_600);
    if is_allowed { Ok(timeout) } else { Err("twelve hours at most, as SQS allows".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_urls() {
        for right in ["https://sqs.eu-central-1.amazonaws.com/1/logs", "http://localhost:4566/1/a"]
        {
            assert_eq!(queue_url(right).as_deref(), Ok(right));
        }
        for wrong in ["logs", "arn:aws:sqs:eu-central-1:1:logs", "https://sqs.a.amazonaws.com/", ""]
        {
            queue_url(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn thresholds_are_numbers_or_durations() {
        for given in ["skew=2.5", " skew=2.5 "] {
            assert_eq!(threshold(given), Ok(("skew".to_owned(), Threshold::Number(2.5))));
        }
        let hour = Threshold::Duration(Duration::from_secs(3600));
        assert_eq!(threshold("lost_after=1h"), Ok(("lost_after".to_owned(), hour)));
        for wrong in ["skew", "skew=", "skew=much", "skew=NaN", "skew=-1"] {
            assert!(threshold(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_prometheus_durations() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(duration("3650d"), Ok(Duration::from_secs(315_360_000)));
        for wrong in ["", "h", "10", "10x", "-1s", "99999999999999999999y"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(interval("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(visibility("12h"), Ok(Duration::from_secs(43_200)));
        visibility("13h").expect_err("SQS would refuse it");
        assert!(interval("0m").is_err());
    }
}
