//! Elements that follow each other most of the time, as one pattern.

use super::run::{Item, hole, same};
use super::{Hole, Pattern, Step};

/// As many elements make a chain at most,
const MAX_LINKS: usize = 64;
/// of so many bytes of text.
const MAX_BYTES: usize = 16 << 10;

/// Elements in a row, the commas between them included.
#[derive(Default)]
pub(super) struct Chain {
    literals: Vec<u8>,
    steps: Vec<ChainStep>,
    links: Vec<Link>,
    /// The last element's text behind its last hole.
    open: usize,
}

struct ChainStep {
    step: Step,
    /// Where in the literal an element begins, if one does.
    begins: Option<u16>,
}

/// An element of a chain.
#[derive(Clone, Copy)]
pub(super) struct Link {
    /// Which of the known elements it is.
    pub(super) known: usize,
    /// Its number among its array's elements.
    pub(super) element: usize,
    pub(super) is_item: bool,
    /// The number that it begins with, where it is wanted.
    pub(super) fixed: Option<u64>,
}

/// How far a chain was found.
pub(super) struct Reached {
    /// The last known element.
    pub(super) known: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// Whether it is the chain's last.
    pub(super) is_whole: bool,
}

impl Chain {
    /// Adds an element; returns whether there was room for it and it can be part of a chain.
    pub(super) fn add(&mut self, link: Link, pattern: &Pattern) -> bool {
        let fits = self.links.len() < MAX_LINKS
            && self.literals.len() + pattern.literals.len() < MAX_BYTES
            && pattern.steps.iter().all(|step| !matches!(step.hole, Hole::Array(_)));
        // Without a hole an element would begin and end in one literal.
        let holes = pattern.steps.split_last().filter(|(_, holes)| fits && !holes.is_empty());
        let Some((last, holes)) = holes else { return false };
        if !self.links.is_empty() {
            self.literals.push(b',');
            self.open += 1;
        }
        let mut begins = u16::try_from(self.open).ok();
        self.literals.extend_from_slice(&pattern.literals);
        for step in holes {
            // Both are far below 64 KiB.
            let literal = u16::try_from(self.open + usize::from(step.literal)).unwrap_or(u16::MAX);
            let step = Step { literal, hole: step.hole };
            self.steps.push(ChainStep { step, begins: begins.take() });
            self.open = 0;
        }
        self.open += usize::from(last.literal);
        self.links.push(link);
        true
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.literals.len() + self.steps.len() * size_of::<ChainStep>()
    }

    /// How many of the elements stand at `at`; their items and words are added.
    #[inline(always)]
    pub(super) fn run(
        &self,
        array: usize,
        line: &[u8],
        mut at: usize,
        items: &mut Vec<Item>,
        words: &mut Vec<u64>,
    ) -> Option<Reached> {
        let mut links = 0;
        // Where the element begins that was begun last, and what there was before it.
        let mut begun = (at, items.len(), words.len());
        let mut literals = &self.literals[..];
        let done = 'run: {
            for ChainStep { step, begins } in &self.steps {
                let Some((literal, rest)) = literals.split_at_checked(usize::from(step.literal))
                else {
                    break 'run None;
                };
                literals = rest;
                match line.get(at..at + literal.len()) {
                    Some(found) if same(found, literal) => {}
                    _ => break 'run None,
                }
                if let Some(begins) = begins {
                    begun = (at + usize::from(*begins), items.len(), words.len());
                    let link = &self.links[links];
                    links += 1;
                    if link.is_item {
                        items.push(Item { array, element: link.element, words: words.len() });
                    }
                    words.extend(link.fixed);
                }
                at += literal.len();
                match hole::<false>(step.hole, line, at, words, &mut Vec::new(), &mut |_, _| None) {
                    Some(end) => at = end,
                    None => break 'run None,
                }
            }
            let end = at + literals.len();
            (line.get(at..end) == Some(literals) && matches!(line.get(end), Some(b',' | b']')))
                .then_some(end)
        };
        if let Some(end) = done {
            return Some(Reached { known: self.links.last()?.known, end, is_whole: true });
        }
        let (start, items_before, words_before) = begun;
        items.truncate(items_before);
        words.truncate(words_before);
        // Of the element that was begun not all is there, but the comma before it is.
        let last = self.links.get(links.checked_sub(2)?)?;
        Some(Reached { known: last.known, end: start - 1, is_whole: false })
    }
}
