//! What is to be done about an object that somebody has put somewhere, before a byte of it is read.

use chrono::{DateTime, SubsecRound, Utc};
use stagelight_lake::{Ledger, SourceId};

use crate::envelope::Notice;
use crate::objects::Address;
use crate::quarantine::Problem;
use crate::read::Unread;
use crate::segment::{FileName, Named, display};
use crate::worker_metrics::Fate;

/// What is taken in.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    /// Only what is here or below.
    pub(crate) within: Option<Address>,
    /// A larger object goes to quarantine.
    pub(crate) max_bytes: u64,
}

/// What is to be done.
pub(crate) enum Admitted {
    /// It is a segment: it is to be read.
    Read(Candidate),
    /// It is to be kept in quarantine.
    Keep(Unread),
    /// Nothing.
    Pass(Fate),
}

/// An object whose name and size are those of a segment.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) address: Address,
    pub(crate) named: Named,
    pub(crate) display: String,
    /// The ETag, empty where nobody has said it: then whatever is there is read.
    pub(crate) etag: String,
    /// The size in bytes, or the greatest where nobody has said it.
    pub(crate) size: u64,
    /// When it was put there, in whole seconds.
    pub(crate) modified: DateTime<Utc>,
}

impl Candidate {
    pub(crate) fn source(&self) -> SourceId {
        SourceId { uri: self.address.to_string(), etag: self.etag.clone() }
    }
}

impl Admission {
    /// Decides about `notice`, given what the lake has.
    pub(crate) fn decide(&self, notice: Notice, ledger: &Ledger) -> Admitted {
        let Notice { address, created, size, etag, time } = notice;
        if !created || !self.is_within(&address) {
            return Admitted::Pass(Fate::Ignored);
        }
        let (folder, file) = address.folder_and_file();
        // A folder marker has no file; the status of a log has no events.
        let FileName::Segment(named) = FileName::parse(folder, file) else {
            return Admitted::Pass(Fate::Ignored);
        };
        let candidate = Candidate {
            display: display(folder, file),
            named,
            etag: etag.unwrap_or_default(),
            size: size.unwrap_or(u64::MAX),
            modified: time.unwrap_or(DateTime::UNIX_EPOCH).trunc_subsecs(0),
            address,
        };
        let source = candidate.source();
        if ledger.has(&source) {
            return Admitted::Pass(Fate::Duplicate);
        }
        match size {
            Some(size) if size > self.max_bytes => Admitted::Keep(Unread {
                problem: Problem::TooLarge { uri: source.uri.clone(), size, limit: self.max_bytes },
                source,
                display: candidate.display,
                raw: String::new(),
            }),
            _ => Admitted::Read(candidate),
        }
    }

    /// Whether `notice` is of a segment that the lake does not have.
    pub(crate) fn is_missing(&self, notice: &Notice, ledger: &Ledger) -> bool {
        !matches!(self.decide(notice.clone(), ledger), Admitted::Pass(_))
    }

    fn is_within(&self, address: &Address) -> bool {
        self.within.as_ref().is_none_or(|within| within.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use stagelight_lake::Layout;

    use super::*;

    fn notice(key: &str) -> Notice {
        Notice {
            address: Address { bucket: "logs".into(), key: key.into() },
            created: true,
            size: Some(10),
            etag: Some("e".into()),
            time: Some("2026-11-26T05:00:00.987Z".parse().expect("a time")),
        }
    }

    fn admission() -> Admission {
        let within = Address { bucket: "logs".into(), key: "spark/".into() };
        Admission { within: Some(within), max_bytes: 100 }
    }

    fn decide(notice: Notice) -> Admitted {
        admission().decide(notice, &Ledger::default())
    }

    #[test]
    fn segments_are_read() {
        let key = "spark/eventlog_v2_app-1-2/events_3_app-1-2.zstd";
        let Admitted::Read(candidate) = decide(notice(key)) else { panic!("{key}") };
        assert_eq!(candidate.named.layout, Layout::Rolling);
        assert_eq!(candidate.named.index, 3);
        assert_eq!(candidate.display, "eventlog_v2_app-1-2/events_3_app-1-2.zstd");
        assert_eq!(candidate.source().uri, format!("s3://logs/{key}"));
        assert_eq!(candidate.modified.to_rfc3339(), "2026-11-26T05:00:00+00:00");
        let unknown = Notice { size: None, etag: None, ..notice(key) };
        let Admitted::Read(candidate) = decide(unknown) else { panic!("{key}") };
        assert_eq!((candidate.size, candidate.etag.as_str()), (u64::MAX, ""));
    }

    #[test]
    fn what_has_no_events_is_passed_over() {
        for key in [
            "spark/",
            "spark/eventlog_v2_app-1-2/",
            "spark/eventlog_v2_app-1-2/appstatus_app-1-2.inprogress",
            "spark/eventlog_v2_app-1-2/appstatus_app-1-2",
            "spark/_SUCCESS",
            "other/app-1-2",
        ] {
            assert!(matches!(decide(notice(key)), Admitted::Pass(Fate::Ignored)), "{key}");
        }
        let gone = Notice { created: false, ..notice("spark/app-1-2") };
        assert!(matches!(decide(gone), Admitted::Pass(Fate::Ignored)));
        let mut elsewhere = notice("spark/app-1-2");
        elsewhere.address.bucket = "other".into();
        assert!(matches!(decide(elsewhere), Admitted::Pass(Fate::Ignored)));
    }

    #[test]
    fn what_is_too_large_is_kept_with_what_to_do() {
        let large = Notice { size: Some(101), ..notice("spark/app-1-2") };
        let Admitted::Keep(unread) = decide(large) else { panic!("it is too large") };
        assert_eq!(unread.problem.reason(), "too_large");
        assert!(unread.problem.detail().ends_with("stagelight ingest s3://logs/spark/app-1-2"));
    }
}
