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
    #[error("{}", .0.strip_backtrace())]
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
    /// Whether there is no lake, which somebody may be about to make.
    pub fn is_no_lake(&self) -> bool {
        matches!(self, Self::Lake(LakeError::Missing { .. }))
    }

    /// Whether it wanted more memory than it may have.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        let Self::DataFusion(error) = self else { return false };
        matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
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

fn did_you_mean(like: &Option<String>) -> String {
    like.as_ref().map_or_else(String::new, |like| format!(", did you mean `{like}`?"))
}

#[cfg(test)]
mod tests {
    use datafusion::parquet::errors::ParquetError;
    use object_store::Error::{Generic, PermissionDenied};

    use super::*;

    #[test]
    fn a_store_that_fails_may_answer_later() {
        let fails = || Generic { store: "S3", source: "slow down".into() };
        let denies = PermissionDenied { path: "tasks".to_owned(), source: "no".into() };
        let in_file = ParquetError::External(Box::new(fails()));
        for (error, may_pass) in [
            (DataFusionError::from(fails()), true),
            (DataFusionError::from(fails()).context("reading"), true),
            (DataFusionError::from(in_file), true),
            (DataFusionError::from(denies), false),
            (DataFusionError::Plan("no such column".to_owned()), false),
            (DataFusionError::ResourcesExhausted("memory".to_owned()), false),
        ] {
            let error = QueryError::from(error);
            assert_eq!(error.may_pass(), may_pass, "{error:?}");
        }
    }
}
