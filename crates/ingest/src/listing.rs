//! Segments under places of a bucket, found page by page.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use stagelight_lake::SourceId;

use crate::discover::{Discovery, among};
use crate::objects::{Address, Object, ObjectError, Objects};
use crate::quarantine::Problem;
use crate::retry;
use crate::segment::FileName;

/// About so many objects are looked at together; those of one log always are.
const TOGETHER: usize = 10_000;

/// What is found, some at a time: all of a log together.
pub struct Discoveries {
    /// The store that has what is no file.
    pub(crate) objects: Option<Arc<dyn Objects>>,
    pub(crate) stream: BoxStream<'static, Result<Discovery, ObjectError>>,
}

impl Discoveries {
    /// What is at `places` in `objects`: an object, or all below a folder.
    pub fn list(objects: Arc<dyn Objects>, places: Vec<Address>) -> Self {
        let of_place = {
            let objects = Arc::clone(&objects);
            move |place| list(Arc::clone(&objects), place, TOGETHER)
        };
        let stream = stream::iter(places).flat_map(of_place).boxed();
        Self { objects: Some(objects), stream }
    }

    /// What is here, and then what `other` finds.
    pub fn and(self, other: Self) -> Self {
        let stream = self.stream.chain(other.stream).boxed();
        Self { objects: self.objects.or(other.objects), stream }
    }
}

impl From<Discovery> for Discoveries {
    fn from(discovery: Discovery) -> Self {
        Self { objects: None, stream: stream::iter([Ok(discovery)]).boxed() }
    }
}

impl fmt::Debug for Discoveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discoveries").field("objects", &self.objects).finish_non_exhaustive()
    }
}

/// What is at `place`, in parts of `together` objects or a few more.
fn list(
    objects: Arc<dyn Objects>,
    place: Address,
    together: usize,
) -> BoxStream<'static, Result<Discovery, ObjectError>> {
    let listing = Listing {
        objects,
        pages: VecDeque::from([(place.clone(), None)]),
        place,
        there: Vec::new(),
        together,
        found: false,
    };
    stream::try_unfold(listing, |mut listing| async move {
        Ok(listing.next().await?.map(|discovery| (discovery, listing)))
    })
    .into_stream()
    .boxed()
}

struct Listing {
    objects: Arc<dyn Objects>,
    place: Address,
    /// What to ask for next: under which prefix, and which page of it.
    pages: VecDeque<(Address, Option<String>)>,
    /// What is listed, and not looked at yet.
    there: Vec<Object>,
    together: usize,
    /// Whether a segment was found, or what stands in the way of one.
    found: bool,
}

impl Listing {
    async fn next(&mut self) -> Result<Option<Discovery>, ObjectError> {
        while let Some((prefix, page)) = self.pages.pop_front() {
            let list = || self.objects.list(&prefix, page.as_deref());
            let listed = retry::objects(list).await?;
            match listed.next {
                // Beside the object, and the folder, of the name that is meant, others begin so.
                Some(_) if page.is_none() && !prefix.is_folder() => {
                    let below = Address { key: format!("{}/", prefix.key), ..prefix };
                    self.pages.push_back((below, None));
                    let itself = listed.objects.into_iter().filter(|o| o.address == self.place);
                    self.there.extend(itself);
                }
                next => {
                    self.pages.extend(next.map(|page| (prefix, Some(page))));
                    let meant =
                        listed.objects.into_iter().filter(|o| self.place.contains(&o.address));
                    self.there.extend(meant);
                }
            }
            if self.there.len() >= self.together
                && let Some(whole) = self.whole_logs()
            {
                return Ok(Some(self.look_at(whole)));
            }
        }
        if !self.there.is_empty() {
            let rest = std::mem::take(&mut self.there);
            return Ok(Some(self.look_at(rest)));
        }
        Ok((!std::mem::replace(&mut self.found, true)).then(|| self.nothing()))
    }

    /// Takes all but the last log: there may be more of it.
    fn whole_logs(&mut self) -> Option<Vec<Object>> {
        let last = log(self.there.last()?);
        let ends = self.there.iter().rposition(|object| log(object) != last)? + 1;
        let rest = self.there.split_off(ends);
        Some(std::mem::replace(&mut self.there, rest))
    }

    fn look_at(&mut self, there: Vec<Object>) -> Discovery {
        let discovery = among(there);
        self.found |= !discovery.segments.is_empty() || !discovery.problems.is_empty();
        discovery
    }

    fn nothing(&self) -> Discovery {
        let uri = self.place.to_string();
        let source = SourceId { uri: uri.clone(), etag: String::new() };
        Discovery { problems: vec![(source, uri, Problem::NoSegments)], ..Discovery::default() }
    }
}

/// The folder and the name of the log that `object` is of; where it is of none, its own.
fn log(object: &Object) -> (Address, String) {
    let (folder, file) = object.address.folder_and_file();
    let name = match FileName::parse(folder, file) {
        FileName::Segment(named) => named.log,
        FileName::Status(log) => log,
        FileName::Other => file.to_owned(),
    };
    (object.address.folder(), name)
}

#[cfg(test)]
mod tests;
