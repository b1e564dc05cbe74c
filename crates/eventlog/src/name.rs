//! Names of event logs, as Spark's `EventLogFileWriter` and `RollingEventLogFilesWriter` make
//! them, and as vendors do.
//!
//! A rolling log is a folder `eventlog_v2_<app>[_<attempt>]` of `events_<n>_<app>[_<attempt>]`
//! files, `n` from 1 (EMR: from 0); a single-file log is `<app>[_<attempt>]`. Codec, `.compact` and
//! `.inprogress` follow. EMR's drivers write `<app>.inprogress` in the folder of a rolling log.
//! Databricks has a folder of `eventlog-<date>--<time>.gz` files and the newest, `eventlog`.

use crate::codec::Codec;
use crate::decode::{Decoder, Slots, Value};
use crate::layout::{Items, Layout, Slot};
use crate::lines::Line;

const ROLLING_FOLDER: &str = "eventlog_v2_";
const ROLLING_FILE: &str = "events_";
const STATUS_FILE: &str = "appstatus_";
const DATED_FILE: &str = "eventlog";

/// How a log is laid out in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogLayout {
    /// One file.
    Single,
    /// A folder of files that are numbered one by one.
    Rolling,
    /// A folder of files that are named after the time at which they were rolled.
    Dated,
}

/// What a file is to an event log, by its name and the name of its folder alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogName {
    /// A file of events.
    Segment {
        /// `<app>[_<attempt>]`, sanitised by Spark: the name that all files of a log share.
        log: String,
        /// How the log is laid out in files.
        layout: LogLayout,
        /// What orders the files of the log: the roll index; 1 for a single-file log; of a dated
        /// file, its minute. At most [`LogName::NEWEST`].
        index: u64,
        /// The codec that the extension names.
        codec: Codec,
        /// Whether the History Server compacted it (`.compact`), which loses events.
        compacted: bool,
        /// Whether Spark is still writing it. A rolling log says so in its status file instead.
        in_progress: bool,
    },
    /// The zero-byte file that says whether a rolling log is still written.
    Status {
        /// As in [`LogName::Segment`].
        log: String,
        /// Whether the application had not ended.
        in_progress: bool,
    },
    /// Nothing that Spark writes events into: checksums, hidden files, markers.
    Other,
}

impl LogName {
    /// The index of the file that is written now, where its name has none: it is behind all others.
    pub const NEWEST: u64 = 92_000_000;

    /// Reads the name of a file and the name of the folder that it is in (empty where it is in
    /// none).
    pub fn parse(folder: &str, file: &str) -> Self {
        if file.is_empty() || file.starts_with(['.', '_']) || file.ends_with(".crc") {
            return Self::Other;
        }
        if let Some(log) = folder.strip_prefix(ROLLING_FOLDER) {
            return Self::rolling(log, file);
        }
        let (rest, in_progress) = strip(file, ".inprogress");
        let (rest, compacted) = strip(rest, ".compact");
        let (name, codec) = split_codec(rest);
        if name.is_empty() {
            return Self::Other;
        }
        let (log, layout, index) = match dated(name) {
            Some(index) if !folder.is_empty() => (folder, LogLayout::Dated, index),
            _ => (name, LogLayout::Single, 1),
        };
        Self::Segment { log: log.to_owned(), layout, index, codec, compacted, in_progress }
    }

    fn rolling(log: &str, file: &str) -> Self {
        let (rest, in_progress) = strip(file, ".inprogress");
        if rest.strip_prefix(STATUS_FILE).is_some_and(|name| name == log) {
            return Self::Status { log: log.to_owned(), in_progress };
        }
        let (rest, compacted) = strip(rest, ".compact");
        let (index, name) = match rest.strip_prefix(ROLLING_FILE).and_then(|r| r.split_once('_')) {
            Some((index, name)) => (roll_index(index), name),
            None => (Some(Self::NEWEST), rest),
        };
        let codec = match name.strip_prefix(log) {
            Some("") => Some(Codec::None),
            Some(suffix) => suffix.strip_prefix('.').and_then(Codec::from_extension),
            None => None,
        };
        let (Some(index), Some(codec)) = (index, codec) else { return Self::Other };
        let layout = LogLayout::Rolling;
        Self::Segment { log: log.to_owned(), layout, index, codec, compacted, in_progress }
    }
}

/// A number of digits alone, as Spark writes it.
fn roll_index(text: &str) -> Option<u64> {
    let index = is_number(text).then(|| text.parse().ok()).flatten();
    index.filter(|index| *index < LogName::NEWEST)
}

/// The minute that `eventlog-2021-06-14--20-00` names, in a calendar whose months have 31 days:
/// that orders minutes as well.
fn dated(name: &str) -> Option<u64> {
    let rest = name.strip_prefix(DATED_FILE)?;
    if rest.is_empty() {
        return Some(LogName::NEWEST);
    }
    let (date, time) = rest.strip_prefix('-')?.split_once("--")?;
    let number = |text: &str, len: usize| {
        (text.len() == len && is_number(text)).then(|| text.parse::<u64>().ok()).flatten()
    };
    let (year, date) = date.split_once('-')?;
    let (month, day) = date.split_once('-')?;
    let (hour, minute) = time.split_once('-')?;
    let years = number(year, 4)?.checked_sub(2000)?;
    let months = years * 12 + number(month, 2)?.checked_sub(1)?;
    let days = months * 31 + number(day, 2)?.checked_sub(1)?;
    let minutes = (days * 24 + number(hour, 2)?) * 60 + number(minute, 2)?;
    (minutes < LogName::NEWEST).then_some(minutes)
}

fn strip<'a>(name: &'a str, suffix: &str) -> (&'a str, bool) {
    name.strip_suffix(suffix).map_or((name, false), |rest| (rest, true))
}

fn split_codec(name: &str) -> (&str, Codec) {
    name.rsplit_once('.')
        .and_then(|(log, extension)| Some((log, Codec::from_extension(extension)?)))
        .unwrap_or((name, Codec::None))
}

/// Which application attempt a log is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// Spark's application id.
    pub app_id: String,
    /// Spark's attempt id, where the cluster manager gives one.
    pub attempt_id: Option<String>,
}

impl Identity {
    /// Reads `<app>[_<attempt>]`.
    ///
    /// The attempt is told apart only behind ids that cluster managers give (`application_<t>_<n>`,
    /// `app-<t>-<n>`, `local-<t>`, `spark-<hex>`): any other id may contain an underscore itself.
    /// What ApplicationStart says goes before this.
    pub fn from_name(log: &str) -> Self {
        if let Some((app_id, attempt)) = log.rsplit_once('_')
            && is_number(attempt)
            && is_managed(app_id)
        {
            return Self { app_id: app_id.to_owned(), attempt_id: Some(attempt.to_owned()) };
        }
        Self { app_id: log.to_owned(), attempt_id: None }
    }

    /// Reads what SparkListenerApplicationStart says; `None` where it gives no id.
    pub fn from_application_start(line: &mut Line<'_>) -> Option<Self> {
        let layout =
            Layout::new(Items::Event, [Slot::Event("App ID"), Slot::Event("App Attempt ID")]);
        let text = |value: Value<'_>| match value {
            Value::Text(text) => Some(text.to_owned()),
            _ => None,
        };
        let mut identity = None;
        let read = Decoder::default().decode(line, |event| {
            event.rows(&layout, &mut Slots::default(), |values| {
                identity =
                    text(values[0]).map(|app_id| Self { app_id, attempt_id: text(values[1]) });
                Ok::<_, ()>(())
            })
        });
        read.ok().and(identity)
    }
}

fn is_managed(app_id: &str) -> bool {
    if let Some(rest) = app_id.strip_prefix("application_") {
        return rest.split_once('_').is_some_and(|(t, n)| is_number(t) && is_number(n));
    }
    if let Some(rest) = app_id.strip_prefix("app-") {
        return rest.split_once('-').is_some_and(|(t, n)| is_number(t) && is_number(n));
    }
    app_id.strip_prefix("local-").is_some_and(is_number)
        || app_id
            .strip_prefix("spark-")
            .is_some_and(|hex| !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rolling(log: &str, index: u64, codec: Codec, compacted: bool, in_progress: bool) -> LogName {
        let layout = LogLayout::Rolling;
        LogName::Segment { log: log.to_owned(), layout, index, codec, compacted, in_progress }
    }

    fn single(log: &str, codec: Codec, in_progress: bool) -> LogName {
        let layout = LogLayout::Single;
        let log = log.to_owned();
        LogName::Segment { log, layout, index: 1, codec, compacted: false, in_progress }
    }

    #[test]
    fn rolling_logs() {
        let folder = "eventlog_v2_app-20261122070236-0001_2";
        let log = "app-20261122070236-0001_2";
        let parse = |file: &str| LogName::parse(folder, file);
        assert_eq!(
            parse("events_10_app-20261122070236-0001_2.zstd"),
            rolling(log, 10, Codec::Zstd, false, false)
        );
        assert_eq!(
            parse("events_1_app-20261122070236-0001_2"),
            rolling(log, 1, Codec::None, false, false)
        );
        assert_eq!(
            parse("events_3_app-20261122070236-0001_2.lz4.compact"),
            rolling(log, 3, Codec::Lz4, true, false)
        );
        assert_eq!(
            parse("appstatus_app-20261122070236-0001_2.inprogress"),
            LogName::Status { log: log.to_owned(), in_progress: true }
        );
        for other in [
            "events_1_another",
            "events_x_app-20261122070236-0001_2",
            "events_+1_app-20261122070236-0001_2",
            "events_92000000_app-20261122070236-0001_2",
            "events_1_app-20261122070236-0001_2.bak",
            ".events_1_app-20261122070236-0001_2.crc",
            "_SUCCESS",
            "",
        ] {
            assert_eq!(parse(other), LogName::Other, "{other}");
        }
    }

    #[test]
    fn single_files() {
        let parse = |file: &str| LogName::parse("spark-logs", file);
        assert_eq!(parse("local-17"), single("local-17", Codec::None, false));
        assert_eq!(
            parse("application_1_2_1.zstd.inprogress"),
            single("application_1_2_1", Codec::Zstd, true)
        );
        assert_eq!(parse("my.job"), single("my.job", Codec::None, false));
        assert_eq!(parse(".local-17.crc"), LogName::Other);
    }

    #[test]
    fn emr_counts_from_zero_and_writes_beside() {
        let parse = |file: &str| LogName::parse("eventlog_v2_00g72rcefave480b", file);
        let log = "00g72rcefave480b";
        assert_eq!(parse("events_0_00g72rcefave480b"), rolling(log, 0, Codec::None, false, false));
        assert_eq!(
            parse("00g72rcefave480b.inprogress"),
            rolling(log, LogName::NEWEST, Codec::None, false, true)
        );
    }

    #[test]
    fn databricks_names_files_after_their_time() {
        let parse = |file: &str| match LogName::parse("5340183243211137467", file) {
            LogName::Segment { log, layout: LogLayout::Dated, index, codec, .. } => {
                assert_eq!(log, "5340183243211137467");
                Some((index, codec))
            }
            _ => None,
        };
        let files = [
            "eventlog-2021-06-14--20-00.gz",
            "eventlog-2021-06-14--20-15.gz",
            "eventlog-2021-06-30--23-59.gz",
            "eventlog-2021-07-01--00-00.gz",
            "eventlog-2022-01-01--00-00.gz",
        ];
        let found: Vec<_> = files.iter().filter_map(|file| parse(file)).collect();
        assert_eq!(found.len(), files.len());
        assert!(found.iter().all(|(_, codec)| *codec == Codec::Gzip));
        assert!(found.is_sorted_by_key(|(index, _)| *index));
        assert_eq!(parse("eventlog"), Some((LogName::NEWEST, Codec::None)));
        for other in ["eventlog-2021-06-14", "eventlog-2021-6-14--20-00.gz", "eventlogs"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn attempts_are_told_from_names_that_have_underscores() {
        for (log, app, attempt) in [
            ("application_1603128018386_7759", "application_1603128018386_7759", None),
            ("application_1603128018386_7759_1", "application_1603128018386_7759", Some("1")),
            ("app-20261122070236-0001_2", "app-20261122070236-0001", Some("2")),
            ("local-1795331459834", "local-1795331459834", None),
            ("spark-0123abcdef_1", "spark-0123abcdef", Some("1")),
            ("my_own_id_7", "my_own_id_7", None),
        ] {
            let identity = Identity::from_name(log);
            assert_eq!(identity.app_id, app);
            assert_eq!(identity.attempt_id.as_deref(), attempt);
        }
    }
}
