//! Which segments of an application attempt count, so that no event does twice.
//!
//! The same events can come in several files: copies of a log in two places, a file under its
//! unfinished and its finished name, a compacted file and what it was made of. Of the ways to put
//! the log together from what is there, the one with the most events counts: more files never make
//! it fewer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use stagelight_eventlog::Identity;

use crate::ledger::{Entry, Layout};

/// How the rows of a segment stand in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They count.
    Counted,
    /// A later version of the same file counts.
    Replaced,
    /// Another file with the same part of the log counts.
    Repeated,
    /// The files that it was compacted of, or one that it was compacted into, have more.
    Compacted,
}

impl Standing {
    /// Its name in the view `sources`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Replaced => "replaced",
            Self::Repeated => "repeated",
            Self::Compacted => "compacted",
        }
    }
}

/// How each of `entries`, one for each file, stands.
pub(crate) fn standings(entries: &[&Entry]) -> Vec<Standing> {
    let mut all = vec![Standing::Counted; entries.len()];
    let mut attempts: HashMap<&Identity, Vec<usize>> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        // A file without events takes no other's place.
        if entry.events > 0 {
            attempts.entry(&entry.identity).or_default().push(at);
        }
    }
    for files in attempts.into_values().filter(|files| files.len() > 1) {
        Attempt { entries, files }.decide(&mut all);
    }
    all
}

/// The files of one application attempt.
struct Attempt<'a> {
    entries: &'a [&'a Entry],
    files: Vec<usize>,
}

/// Files that make a log together, and how many events they have.
#[derive(Clone, Default)]
struct Chain {
    files: Vec<usize>,
    events: u64,
}

impl Chain {
    fn push(&mut self, at: usize, entries: &[&Entry]) {
        self.files.push(at);
        self.events += entries[at].events;
    }
}

impl Attempt<'_> {
    fn decide(&self, all: &mut [Standing]) {
        let chains =
            [self.rolled(Layout::Rolling), self.rolled(Layout::Dated), self.rolled(Layout::Single)];
        // The first of those with the most.
        let counted = chains
            .into_iter()
            .reduce(|best, chain| if chain.events > best.events { chain } else { best });
        let counted = counted.unwrap_or_default();
        let compacted_to = counted.files.iter().map(|at| self.entries[*at]);
        let compacted_to = compacted_to
            .filter(|entry| entry.layout == Layout::Compacted)
            .map(|entry| entry.segment)
            .max();
        for at in &self.files {
            let entry = self.entries[*at];
            all[*at] = if counted.files.contains(at) {
                Standing::Counted
            } else if entry.layout == Layout::Compacted
                || entry.layout == Layout::Rolling && Some(entry.segment) <= compacted_to
            {
                Standing::Compacted
            } else {
                Standing::Repeated
            };
        }
    }

    /// The chain of most events out of files of `layout`, and of compacted ones where they roll.
    fn rolled(&self, layout: Layout) -> Chain {
        let originals = self.best(layout);
        let compacted =
            if layout == Layout::Rolling { self.best(Layout::Compacted) } else { BTreeMap::new() };
        let mut chain = Chain::default();
        let mut rest = originals.into_iter().peekable();
        for (index, at) in compacted {
            while let Some((_, original)) = rest.next_if(|(original, _)| *original <= index) {
                chain.push(original, self.entries);
            }
            // It has what is left of all before it.
            if self.entries[at].events > chain.events {
                chain = Chain::default();
                chain.push(at, self.entries);
            }
        }
        rest.for_each(|(_, at)| chain.push(at, self.entries));
        chain
    }

    /// By index, the file that has most; of equals, the first by its address.
    fn best(&self, layout: Layout) -> BTreeMap<i64, usize> {
        let mut best: BTreeMap<i64, usize> = BTreeMap::new();
        let rank = |at: usize| (self.entries[at].events, Reverse(&self.entries[at].source.uri));
        for &at in self.files.iter().filter(|at| self.entries[**at].layout == layout) {
            let known = best.entry(self.entries[at].segment).or_insert(at);
            if rank(at) > rank(*known) {
                *known = at;
            }
        }
        best
    }
}

#[cfg(test)]
mod tests;
