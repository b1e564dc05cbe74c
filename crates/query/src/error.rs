//! What can go wrong with a question.

use datafusion::error::DataFusionError;
use stagelight_lake::{LakeError, MayPass, store_may_answer};
use thiserror::Error;

/// An error of the engine.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The lake cannot be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The question is wrong, or answering it failed.
    #[error("{}", said(.0))]
    DataFusion(#[from] DataFusionError),
    /// There is no such table or view.
    #[error("there is no table or view `{name}`{}; SHOW TABLES lists them", did_you_mean(.like))]
    Table {
        /// The name as given.
        name: String,
        /// What it may have been meant for.
        like: Option<String>,
    },
    /// It is a function, and no table.
    #[error("`{0}` is a function: it takes its arguments in parentheses")]
    Function(
        /// Its name.
        String,
    ),
    /// There is no such column.
    #[error("{0}; DESCRIBE lists the columns of a view")]
    Column(
        /// What the planner says, without all columns of all tables of the question.
        String,
    ),
    /// The statement would define, write or set something.
    #[error(
        "only questions are answered (SELECT, EXPLAIN, SHOW, DESCRIBE): nothing can be changed"
    )]
    ReadOnly,
    /// There is no such threshold.
    #[error(
        "there is no threshold `{name}`{}; SELECT name, value, unit, meaning FROM thresholds lists them",
        did_you_mean(.like)
    )]
    Threshold {
        /// The name as given.
        name: String,
        /// What it may have been meant for.
        like: Option<String>,
    },
    /// A duration was given for a threshold that is none.
    #[error("threshold `{name}` is no duration: its unit is {unit}, give a number of that")]
    ThresholdUnit {
        /// Its name.
        name: String,
        /// Its unit.
        unit: String,
    },
    /// Somebody else has rolled up whenever we wanted to.
    #[error("another process rolls up the same lake; try again when it is done")]
    Busy,
    /// A metric's file is wrong.
    #[error("metric {file}: {reason}")]
    Metric {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl QueryError {
    /// Whether there is no lake, which somebody may be about to make, or where it is does not answer.
    pub fn lake_may_come(&self) -> bool {
        match self {
            Self::Lake(LakeError::Missing { .. }) => true,
            Self::Lake(error) => store_may_answer(error),
            _ => false,
        }
    }

    /// Whether it wanted more memory, or more of the disk to spill to, than a question may have.
    pub(crate) fn is_over_limit(&self) -> bool {
        let Self::DataFusion(error) = self else { return false };
        matches!(exhausted(error), Some(Exhausted::Memory | Exhausted::Spills))
    }
}

impl MayPass for QueryError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Lake(error) => error.may_pass(),
            Self::DataFusion(error) => store_may_answer(error),
            _ => false,
        }
    }
}

/// What there is not enough of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exhausted {
    Memory,
    /// As much is spilled as DataFusion lets a process spill.
    Spills,
    Disk,
}

/// Whether a question wanted more than there is. Of the disk that it spills to, it is the text that says so,
/// whatever the error is wrapped into.
fn exhausted(error: &DataFusionError) -> Option<Exhausted> {
    let text = error.strip_backtrace();
    for (said, exhausted) in
        [("No space left on device", Exhausted::Disk), ("used disk space", Exhausted::Spills)]
    {
        if text.contains(said) {
            return Some(exhausted);
        }
    }
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)).then_some(Exhausted::Memory)
}

/// What DataFusion says, in the words of who asks.
fn said(error: &DataFusionError) -> String {
    match exhausted(error) {
        None => error.strip_backtrace(),
        Some(Exhausted::Memory) => format!(
            "the question wants more memory than there is: `--memory-mib` gives it more ({})",
            error.find_root().message()
        ),
        Some(Exhausted::Spills | Exhausted::Disk) => format!(
            "there is no room in {} for what the question spills: name another folder with TMPDIR, or give \
             it more memory with `--memory-mib` ({})",
            std::env::temp_dir().display(),
            error.strip_backtrace()
        ),
    }
}

fn did_you_mean(like: &Option<String>) -> String {
    like.as_ref().map_or_else(String::new, |like| format!(", did you mean `{like}`?"))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::error::ArrowError;
    use datafusion::parquet::errors::ParquetError;
    use object_store::Error::{Generic, NotFound, PermissionDenied};

    use super::*;

    #[test]
    fn a_disk_that_is_full_is_no_lack_of_memory() {
        let full = std::io::Error::from_raw_os_error(28);
        let full = ArrowError::IoError(format!("IO error: {full}"), full);
        let memory = "Failed to allocate additional 10.0 MB".to_owned();
        let limit =
            "The used disk space during the spilling process has exceeded 100 GB".to_owned();
        for (error, is_over_limit, said) in [
            (
                DataFusionError::ResourcesExhausted(memory).context("sorting"),
                true,
                "`--memory-mib` gives",
            ),
            (
                DataFusionError::from(full),
                false,
                "for what the question spills: name another folder",
            ),
            (DataFusionError::ResourcesExhausted(limit), true, "for what the question spills"),
            (DataFusionError::Plan("no such column".to_owned()), false, "no such column"),
        ] {
            let error = QueryError::from(error);
            assert_eq!(error.is_over_limit(), is_over_limit, "{error}");
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[test]
    fn a_store_that_fails_may_answer_later() {
        let fails = || Generic { store: "S3", source: "slow down".into() };
        let denies = PermissionDenied { path: "tasks".to_owned(), source: "no".into() };
        let in_file = ParquetError::External(Box::new(fails()));
        let gone = NotFound { path: "tasks".to_owned(), source: "no such key".into() };
        for (error, may_pass) in [
            (DataFusionError::from(fails()), true),
            (DataFusionError::from(fails()).context("reading"), true),
            (DataFusionError::from(in_file), true),
            (DataFusionError::from(denies), false),
            (DataFusionError::from(gone), false),
            (DataFusionError::Plan("no such column".to_owned()), false),
            (DataFusionError::ResourcesExhausted("memory".to_owned()), false),
        ] {
            let error = QueryError::from(error);
            assert_eq!(error.may_pass(), may_pass, "{error:?}");
        }
    }
}
