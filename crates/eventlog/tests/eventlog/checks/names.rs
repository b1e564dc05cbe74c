//! Names of logs: whatever is recognised can be written again, and all that Spark writes is
//! recognised.

use stagelight_eventlog::{Codec, Identity, LogLayout, LogName};

const CODECS: [Codec; 6] =
    [Codec::None, Codec::Zstd, Codec::Lz4, Codec::Snappy, Codec::Lzf, Codec::Gzip];

/// Reads the text as a file in a folder, `/` between them, and as the name of a log.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (folder, file) = text.rsplit_once('/').unwrap_or(("", text));
    reads_again(folder, file);
    identity_reads_again(text);
    let log = sanitised(text);
    if !log.is_empty() {
        sparks_names_are_known(&log, text.len() as u64);
    }
}

/// The name that what is recognised has today is recognised as the same.
fn reads_again(folder: &str, file: &str) {
    let parsed = LogName::parse(folder, file);
    let written = match &parsed {
        LogName::Segment { log, layout, index, codec, compacted, in_progress } => {
            assert!(*index <= LogName::NEWEST);
            let (folder, name) = match layout {
                LogLayout::Single => (folder.to_owned(), log.clone()),
                LogLayout::Rolling => (rolling_folder(log), rolled(log, *index)),
                LogLayout::Dated => (log.clone(), dated(*index)),
            };
            (folder, name + &ending(*codec, *compacted, *in_progress))
        }
        LogName::Status { log, in_progress } => (rolling_folder(log), status(log, *in_progress)),
        LogName::Other => return,
    };
    assert_eq!(LogName::parse(&written.0, &written.1), parsed, "{folder}/{file}: {written:?}");
}

fn identity_reads_again(log: &str) {
    let identity = Identity::from_name(log);
    let attempt = identity.attempt_id.iter().map(|attempt| format!("_{attempt}"));
    assert_eq!(identity.app_id.clone() + &attempt.collect::<String>(), log);
    let is_number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
    assert!(identity.attempt_id.iter().all(is_number), "{identity:?}");
}

fn sparks_names_are_known(log: &str, index: u64) {
    let log = log.to_owned();
    let folder = rolling_folder(&log);
    for in_progress in [false, true] {
        let expected = LogName::Status { log: log.clone(), in_progress };
        assert_eq!(LogName::parse(&folder, &status(&log, in_progress)), expected);
        for (codec, compacted) in CODECS.iter().flat_map(|codec| [(*codec, false), (*codec, true)])
        {
            let log = log.clone();
            let ending = ending(codec, compacted, in_progress);
            let rolling = LogName::parse(&folder, &(rolled(&log, index) + &ending));
            let single = LogName::parse("", &(log.clone() + &ending));
            let segment = |layout, index| {
                let log = log.clone();
                LogName::Segment { log, layout, index, codec, compacted, in_progress }
            };
            assert_eq!(rolling, segment(LogLayout::Rolling, index));
            let is_hidden = log.starts_with('_');
            let expected = if is_hidden { LogName::Other } else { segment(LogLayout::Single, 1) };
            assert_eq!(single, expected);
        }
    }
}

/// What Spark makes of an application's id and attempt (`Utils.nameForAppAndAttempt`).
fn sanitised(text: &str) -> String {
    let kept = |letter| match letter {
        ' ' | ':' | '/' => '-',
        '.' | '$' | '{' | '}' | '\'' | '"' => '_',
        other => other,
    };
    text.chars().map(kept).collect::<String>().to_lowercase()
}

fn rolling_folder(log: &str) -> String {
    format!("eventlog_v2_{log}")
}

fn rolled(log: &str, index: u64) -> String {
    match index {
        LogName::NEWEST => log.to_owned(),
        index => format!("events_{index}_{log}"),
    }
}

/// A file that is named after its minute, in years of months of 31 days.
fn dated(minute: u64) -> String {
    if minute == LogName::NEWEST {
        return "eventlog".to_owned();
    }
    let (hours, days) = (minute / 60, minute / 60 / 24);
    let (day, months) = (days % 31 + 1, days / 31);
    let (month, year) = (months % 12 + 1, months / 12 + 2000);
    format!("eventlog-{year}-{month:02}-{day:02}--{:02}-{:02}", hours % 24, minute % 60)
}

fn status(log: &str, in_progress: bool) -> String {
    format!("appstatus_{log}{}", if in_progress { ".inprogress" } else { "" })
}

fn ending(codec: Codec, compacted: bool, in_progress: bool) -> String {
    let codec = match codec {
        Codec::None => String::new(),
        Codec::Gzip => ".gz".to_owned(),
        codec => format!(".{codec}"),
    };
    let compacted = if compacted { ".compact" } else { "" };
    let in_progress = if in_progress { ".inprogress" } else { "" };
    codec + compacted + in_progress
}
