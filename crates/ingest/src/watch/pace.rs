//! Which places are to be looked at, and when.
//!
//! A place is what `discover` is given: a file, or the folder of one log. Whatever is read of it is
//! read from its beginning, so that a file which grows all the time would be read all the time, and
//! at a cost that grows with its square. Therefore a place rests after it was read, for
//! [`REST`] times what that took: following it takes at most one part in `REST + 1` of the time.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

/// What is written at one time comes as several events; the first waits so long for the others.
pub(super) const SETTLE: Duration = Duration::from_millis(50);
/// A place rests for so many times what reading it took.
const REST: u32 = 5;

/// Places that have changed, are read, or rest.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: HashMap<PathBuf, State>,
    /// Those to be looked at, by when.
    queue: BTreeSet<(Instant, PathBuf)>,
}

#[derive(Debug)]
enum State {
    /// To be looked at; it is in the queue.
    Waits,
    /// It is read now, and has changed meanwhile or not.
    Read { changed: bool },
    /// Nothing is known to have changed; not to be read before that.
    Rests(Instant),
}

impl Places {
    /// Notes that something has changed at `place`. Tells whether that was not known.
    pub(super) fn change(&mut self, place: PathBuf, now: Instant) -> bool {
        let due = now + SETTLE;
        let due = match self.all.get_mut(&place) {
            Some(State::Waits) => return false,
            Some(State::Read { changed }) => return !std::mem::replace(changed, true),
            Some(State::Rests(until)) => due.max(*until),
            None => due,
        };
        self.wait(place, due);
        true
    }

    /// Takes a place that is due, which is read from now on.
    pub(super) fn take(&mut self, now: Instant) -> Option<PathBuf> {
        if self.next()? > now {
            return None;
        }
        let (_, place) = self.queue.pop_first()?;
        self.all.insert(place.clone(), State::Read { changed: false });
        Some(place)
    }

    /// When the next place is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// Notes that `place` was read, and that it took so long.
    pub(super) fn read(&mut self, place: &Path, took: Duration, now: Instant) {
        let until = now + took * REST;
        match self.all.insert(place.to_owned(), State::Rests(until)) {
            Some(State::Read { changed: true }) => self.wait(place.to_owned(), until),
            _ if took.is_zero() => {
                self.all.remove(place);
            }
            _ => {}
        }
    }

    /// Forgets those that have rested.
    pub(super) fn forget(&mut self, now: Instant) {
        self.all.retain(|_, state| !matches!(state, State::Rests(until) if *until <= now));
    }

    fn wait(&mut self, place: PathBuf, due: Instant) {
        self.all.insert(place.clone(), State::Waits);
        self.queue.insert((due, place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn path(name: &str) -> PathBuf {
        PathBuf::from(name)
    }

    #[test]
    fn changes_at_one_time_are_one_reading() {
        let start = Instant::now();
        let mut places = Places::default();
        assert!(places.change(path("a"), start));
        assert!(places.change(path("b"), start + 10 * MS));
        assert!(!places.change(path("a"), start + 20 * MS));
        assert_eq!(places.next(), Some(start + SETTLE), "who writes all the time is read, too");
        assert_eq!(places.take(start + SETTLE - MS), None);
        assert_eq!(places.take(start + SETTLE), Some(path("a")));
        assert_eq!(places.take(start + SETTLE), None);
        assert_eq!(places.take(start + SETTLE + 10 * MS), Some(path("b")));
        assert_eq!(places.next(), None);
    }

    #[test]
    fn a_place_rests_for_a_multiple_of_what_reading_it_took() {
        let start = Instant::now();
        let mut places = Places::default();
        places.change(path("a"), start);
        let mut now = start + SETTLE;
        let took = 200 * MS;
        let mut readings = 0;
        // It grows every 10 ms for a minute.
        while now < start + Duration::from_secs(60) {
            if places.take(now).is_some() {
                readings += 1;
                assert!(
                    places.change(path("a"), now + took / 2),
                    "it has changed while it is read"
                );
                assert!(!places.change(path("a"), now + took / 2));
                now += took;
                places.read(&path("a"), took, now);
            }
            places.change(path("a"), now);
            now += 10 * MS;
        }
        let busy = took * readings;
        assert!(busy <= Duration::from_secs(60) / REST, "{busy:?}");
        assert!(busy >= Duration::from_secs(60) / (REST + 2), "{busy:?}");
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_again() {
        let start = Instant::now();
        let mut places = Places::default();
        places.change(path("a"), start);
        assert_eq!(places.take(start + SETTLE), Some(path("a")));
        places.change(path("a"), start + SETTLE);
        assert_eq!(places.take(start + 9 * SETTLE), None, "not side by side");
        places.read(&path("a"), 2 * MS, start + 10 * SETTLE);
        assert_eq!(places.next(), Some(start + 10 * SETTLE + 10 * MS));
    }

    #[test]
    fn what_has_rested_is_forgotten() {
        let start = Instant::now();
        let mut places = Places::default();
        for place in ["a", "b"] {
            places.change(path(place), start);
            places.take(start + SETTLE);
        }
        places.read(&path("a"), Duration::ZERO, start + SETTLE);
        places.read(&path("b"), MS, start + SETTLE);
        assert_eq!(places.all.len(), 1, "nothing was read of a");
        places.forget(start + SETTLE);
        assert_eq!(places.all.len(), 1);
        places.forget(start + SETTLE + MS * REST);
        assert!(places.all.is_empty());
    }
}
