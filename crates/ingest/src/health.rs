//! What stands in the way of a worker, or of following a folder.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

/// What stands in the way now, by what it is that does not work.
#[derive(Debug)]
pub struct Health(Mutex<BTreeMap<&'static str, String>>);

impl Default for Health {
    /// The lake has to be opened first.
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::from([("lake", "it is not open yet".to_owned())])))
    }
}

impl Health {
    pub(crate) fn good(&self, part: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(part);
    }

    pub(crate) fn bad(&self, part: &'static str, reason: &impl Display) {
        let mut problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        problems.insert(part, reason.to_string());
    }

    /// What does not work, in words; `None` where everything does.
    pub fn problem(&self) -> Option<String> {
        let problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<_> =
            problems.iter().map(|(part, reason)| format!("{part}: {reason}")).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}
