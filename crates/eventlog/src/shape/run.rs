//! A line held against patterns.

use std::collections::HashMap;

use super::chain::{Chain, Link, Reached};
use super::{Array, Element, Hole, Pattern, place, scan};

/// As many elements with their numbers are remembered of an array; then memory begins anew.
const MAX_KNOWN: usize = 4096;
/// As many bytes of them are remembered.
const MAX_KNOWN_BYTES: usize = 2 << 20;
/// After so often an element is made the first of a chain.
const CHAINED_AFTER: u32 = 16;
/// A chain that is found broken so often, wherever, is made anew,
const MAX_BROKEN: u32 = 16;
/// but not more often than this.
const MAX_CHAINS: u32 = 8;
/// So often may an element of one line be held against a pattern in vain: arrays within arrays
/// could have it tried without end.
const MAX_TRIES: usize = 1 << 16;

/// What a line was found to have, in memory that is used again.
#[derive(Default)]
pub(super) struct Found {
    /// The values of the event's holes.
    pub(super) words: Vec<u64>,
    /// Of these, the ones that are not the same in all lines that begin with the same number.
    pub(super) unusual: Vec<u64>,
    /// All integers of the event, where they are asked for.
    pub(super) numbers: Vec<i64>,
    /// The array elements that make rows.
    pub(super) items: Vec<Item>,
    /// The values of the holes of these elements.
    pub(super) item_words: Vec<u64>,
}

#[derive(Clone, Copy)]
pub(super) struct Item {
    pub(super) array: usize,
    pub(super) element: usize,
    /// Where its words begin.
    pub(super) words: usize,
}

impl Found {
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.unusual.clear();
        self.numbers.clear();
        self.items.clear();
        self.item_words.clear();
    }
}

/// What an array's elements were lately.
///
/// Tasks of a stage have the same accumulators in the same order, but for those that stayed zero:
/// an element is remembered with the number that it begins with, its id, and with what came after
/// it.
#[derive(Default)]
pub(super) struct Memory {
    known: Vec<Known>,
    /// The remembered elements by what they are and their text up to the second hole.
    by_text: HashMap<(usize, Vec<u8>), u16>,
    /// Bytes of their patterns and chains.
    bytes: usize,
    /// What came first.
    first: Recent,
    /// What came after each element, whatever its number.
    kinds: Vec<Recent>,
}

/// An element with the number that it begins with.
struct Known {
    pattern: Pattern,
    element: usize,
    is_item: bool,
    /// The number, where it is wanted.
    fixed: Option<u64>,
    /// What came after it.
    next: Recent,
    /// How often it was found by itself since it has a chain or none.
    alone: u32,
    /// It and what usually comes after it.
    chain: Option<Chain>,
    /// How often the chain was found broken.
    broken: u32,
    /// How many chains it had.
    chains: u32,
}

/// Elements, the one that came last in front.
#[derive(Clone, Copy)]
struct Recent([u16; 4]);

impl Default for Recent {
    fn default() -> Self {
        Self([u16::MAX; 4])
    }
}

impl Recent {
    fn came(&mut self, element: usize) {
        let Ok(element) = u16::try_from(element) else { return };
        let known = self.0.iter().position(|&e| e == element).unwrap_or(self.0.len() - 1);
        self.0[..=known].rotate_right(1);
        self.0[0] = element;
    }
}

impl Memory {
    fn next(&mut self, before: Option<usize>) -> &mut Recent {
        match before {
            Some(before) => &mut self.known[before].next,
            None => &mut self.first,
        }
    }

    fn after_kind(&mut self, element: usize) -> &mut Recent {
        if self.kinds.len() <= element {
            self.kinds.resize_with(element + 1, Recent::default);
        }
        &mut self.kinds[element]
    }

    /// Makes `first` and what usually comes after it a chain.
    fn chain(&mut self, first: usize) {
        let before = self.known[first].chain.take();
        self.bytes -= before.map_or(0, |chain| chain.bytes());
        let mut chain = Chain::default();
        let mut next = first;
        while let Some(Known { pattern, element, is_item, fixed, next: then, .. }) =
            self.known.get(next)
        {
            let link = Link { known: next, element: *element, is_item: *is_item, fixed: *fixed };
            if !chain.add(link, pattern) {
                break;
            }
            next = usize::from(then.0[0]);
        }
        let known = &mut self.known[first];
        known.chains += 1;
        known.broken = 0;
        if chain.len() > 1 && self.bytes + chain.bytes() < MAX_KNOWN_BYTES {
            self.bytes += chain.bytes();
            known.chain = Some(chain);
        }
    }

    /// Remembers an element, number `at` of its array, that stands at the front of `line`; returns
    /// its place.
    fn remember(&mut self, at: usize, element: &Element, line: &[u8]) -> usize {
        let (text, known) = element.fixed(line);
        let key = (at, text.to_vec());
        if let Some(&place) = self.by_text.get(&key) {
            return usize::from(place);
        }
        if self.known.len() >= MAX_KNOWN || self.bytes >= MAX_KNOWN_BYTES {
            *self = Self { kinds: std::mem::take(&mut self.kinds), ..Self::default() };
        }
        let place = self.known.len();
        self.bytes += known.pattern.literals.len() + key.1.len();
        self.by_text.insert(key, u16::try_from(place).unwrap_or(u16::MAX));
        self.known.push(Known { element: at, ..known });
        place
    }
}

impl Element {
    /// The element with the number of its first hole in its pattern, if it begins with one, and the
    /// text that this adds up to.
    fn fixed<'a>(&self, line: &'a [u8]) -> (&'a [u8], Known) {
        let mut known = Known {
            pattern: self.pattern.clone(),
            element: 0,
            is_item: self.is_item,
            fixed: None,
            next: Recent::default(),
            alone: 0,
            chain: None,
            broken: 0,
            chains: 0,
        };
        let [first, second, ..] = self.pattern.steps[..] else { return (&[], known) };
        let start = usize::from(first.literal);
        let number = match first.hole {
            Hole::Int | Hole::AnyInt => scan::integer(line, start),
            _ => None,
        };
        let Some((number, end)) = number else { return (&line[..start], known) };
        let both = end + usize::from(second.literal);
        let Ok(literal) = u16::try_from(both) else { return (&line[..start], known) };
        if first.hole == Hole::Int {
            known.fixed = Some(number as u64);
        }
        let pattern = &mut known.pattern;
        pattern.literals.splice(start..start, line[start..end].iter().copied());
        pattern.steps.remove(0);
        pattern.steps[0].literal = literal;
        (&line[..both], known)
    }
}

/// One try to find a line in patterns.
pub(super) struct Run<'a> {
    arrays: &'a [Array],
    memories: &'a mut [Memory],
    /// The line and what stands behind it.
    line: &'a [u8],
    items: &'a mut Vec<Item>,
    item_words: &'a mut Vec<u64>,
    tries: usize,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        arrays: &'a [Array],
        memories: &'a mut [Memory],
        line: &'a [u8],
        items: &'a mut Vec<Item>,
        item_words: &'a mut Vec<u64>,
    ) -> Self {
        Self { arrays, memories, line, items, item_words, tries: MAX_TRIES }
    }

    /// Where `pattern` ends if it stands at `at`. Its wanted values are in `words` then; where
    /// `ALL`, and all its integers in `numbers`.
    pub(super) fn pattern<const ALL: bool>(
        &mut self,
        pattern: &Pattern,
        at: usize,
        words: &mut Vec<u64>,
        numbers: &mut Vec<i64>,
    ) -> Option<usize> {
        let line = self.line;
        pattern.run::<ALL>(line, at, words, numbers, &mut |array, at| self.array(array, at))
    }

    fn array(&mut self, array: usize, at: usize) -> Option<usize> {
        if self.line.get(at)? != &b'[' {
            return None;
        }
        let mut at = at + 1;
        if self.line.get(at)? == &b']' {
            return Some(at + 1);
        }
        let mut before = None;
        loop {
            let (element, end) = match self.chained(array, before, at) {
                Some(found) => found,
                None => match self.known(array, before, at) {
                    Some(found) => found,
                    None => self.unknown(array, before, at)?,
                },
            };
            before = Some(element);
            at = end + 1;
            if self.line.get(end)? == &b']' {
                return Some(at);
            }
        }
    }

    /// The last of the elements that stand at `at` as they usually do, and where it ends.
    #[inline(always)]
    fn chained(
        &mut self,
        array: usize,
        before: Option<usize>,
        at: usize,
    ) -> Option<(usize, usize)> {
        let memory = &mut self.memories[array];
        let first = usize::from(memory.next(before).0[0]);
        let known = memory.known.get_mut(first)?;
        let Some(chain) = &known.chain else {
            known.alone += 1;
            if known.alone % CHAINED_AFTER == 0 && known.chains < MAX_CHAINS {
                memory.chain(first);
            }
            return None;
        };
        let reached = chain.run(array, self.line, at, self.items, self.item_words);
        if !matches!(reached, Some(Reached { is_whole: true, .. })) {
            known.broken += 1;
            if known.broken > MAX_BROKEN && known.chains < MAX_CHAINS {
                memory.chain(first);
            }
        }
        reached.map(|reached| (reached.known, reached.end))
    }

    /// Which of the elements that are remembered stands at `at`, and where it ends.
    #[inline(always)]
    fn known(&mut self, array: usize, before: Option<usize>, at: usize) -> Option<(usize, usize)> {
        let [first, others @ ..] = self.memories[array].next(before).0;
        if let Some(end) = self.is_known(array, usize::from(first), at) {
            return Some((usize::from(first), end));
        }
        let (element, end) = others.into_iter().find_map(|element| {
            let element = usize::from(element);
            Some((element, self.is_known(array, element, at)?))
        })?;
        self.memories[array].next(before).came(element);
        Some((element, end))
    }

    #[inline(always)]
    fn is_known(&mut self, array: usize, known: usize, at: usize) -> Option<usize> {
        let known = self.memories[array].known.get(known)?;
        let start = self.item_words.len();
        if let Some(number) = known.fixed {
            self.item_words.push(number);
        }
        let (words, numbers) = (&mut *self.item_words, &mut Vec::new());
        let end = known.pattern.run::<false>(self.line, at, words, numbers, &mut |_, _| None);
        let end = end.filter(|end| ends_element(self.line, *end));
        if end.is_none() {
            self.item_words.truncate(start);
        } else if known.is_item {
            self.items.push(Item { array, element: known.element, words: start });
        }
        end
    }

    /// Which of the elements that were learned stands at `at`, whatever its number; it is known
    /// from then on.
    fn unknown(
        &mut self,
        array: usize,
        before: Option<usize>,
        at: usize,
    ) -> Option<(usize, usize)> {
        let kind = before.map_or(0, |before| self.memories[array].known[before].element + 1);
        let guesses = self.memories[array].after_kind(kind).0;
        let elements = &self.arrays[array].elements;
        let mut candidates = guesses.into_iter().map(usize::from).chain(0..elements.len());
        let (element, end) = candidates.find_map(|element| {
            let found = elements.get(element)?;
            self.tries = self.tries.checked_sub(1)?;
            let mut words = std::mem::take(self.item_words);
            let (start, items) = (words.len(), self.items.len());
            let end = self.pattern::<false>(&found.pattern, at, &mut words, &mut Vec::new());
            let end = end.filter(|end| ends_element(self.line, *end));
            // The items of arrays within elements are nobody's.
            self.items.truncate(items);
            words.truncate(if end.is_some() { words.len() } else { start });
            *self.item_words = words;
            if end.is_some() && found.is_item {
                self.items.push(Item { array, element, words: start });
            }
            Some((element, end?))
        })?;
        let memory = &mut self.memories[array];
        memory.after_kind(kind).came(element);
        let known = memory.remember(element, &elements[element], &self.line[at..]);
        // To begin anew may have forgotten what came before.
        if before.is_none_or(|before| before < memory.known.len()) {
            memory.next(before).came(known);
        }
        Some((known, end))
    }
}

impl Pattern {
    /// The number in the first hole of the pattern, if `line` begins as it does.
    pub(super) fn first(&self, line: &[u8]) -> Option<i64> {
        let first = self.steps.first()?;
        let literal = self.literals.get(..usize::from(first.literal))?;
        match first.hole {
            Hole::Int | Hole::AnyInt if line.starts_with(literal) => {
                scan::integer(line, literal.len()).map(|(number, _)| number)
            }
            _ => None,
        }
    }

    /// Where the pattern ends if it stands at `at` of `line`; its wanted values are added to
    /// `words` then, and all its integers to `numbers` where `ALL`. `array` says where an array
    /// ends.
    #[inline(always)]
    fn run<const ALL: bool>(
        &self,
        line: &[u8],
        mut at: usize,
        words: &mut Vec<u64>,
        numbers: &mut Vec<i64>,
        array: &mut impl FnMut(usize, usize) -> Option<usize>,
    ) -> Option<usize> {
        let mut literals = &self.literals[..];
        for step in &self.steps {
            let (literal, rest) = literals.split_at_checked(usize::from(step.literal))?;
            literals = rest;
            if !same(line.get(at..at + literal.len())?, literal) {
                return None;
            }
            at += literal.len();
            if step.hole == Hole::End {
                return Some(at);
            }
            at = hole::<ALL>(step.hole, line, at, words, numbers, array)?;
        }
        None
    }
}

/// Where a hole at `at` of `line` ends; what is wanted of it is added to `words`.
#[inline(always)]
pub(super) fn hole<const ALL: bool>(
    hole: Hole,
    line: &[u8],
    at: usize,
    words: &mut Vec<u64>,
    numbers: &mut Vec<i64>,
    array: &mut impl FnMut(usize, usize) -> Option<usize>,
) -> Option<usize> {
    let end = match hole {
        Hole::AnyInt if !ALL => scan::skip_integer(line, at)?,
        Hole::Int | Hole::AnyInt => {
            let (value, end) = scan::integer(line, at)?;
            if ALL {
                numbers.push(value);
            }
            if hole == Hole::Int {
                words.push(value as u64);
            }
            end
        }
        Hole::End => at,
        Hole::Text => {
            let end = scan::text(line, at)?;
            words.push(place(at, end));
            end
        }
        Hole::AnyText => scan::text(line, at)?,
        Hole::NoIntText => {
            let end = scan::text(line, at)?;
            let text = std::str::from_utf8(&line[at..end]).ok()?;
            if text.parse::<i64>().is_ok() {
                return None;
            }
            words.push(place(at, end));
            end
        }
        Hole::Array(n) => array(usize::from(n), at)?,
    };
    Some(end)
}

/// Whether an element can end here. A number that is remembered may be the front of a longer one.
#[inline(always)]
fn ends_element(line: &[u8], at: usize) -> bool {
    matches!(line.get(at), Some(b',' | b']'))
}

/// Whether two texts of one length are the same. Most are short, and a call costs more than they do.
#[inline(always)]
pub(super) fn same(found: &[u8], literal: &[u8]) -> bool {
    match found.len() {
        8..=16 => ends::<8>(found, literal),
        17..=32 => ends::<16>(found, literal),
        33..=64 => ends::<32>(found, literal),
        _ => found == literal,
    }
}

/// Whether the first and the last `N` bytes are the same.
#[inline(always)]
fn ends<const N: usize>(found: &[u8], literal: &[u8]) -> bool {
    found.first_chunk::<N>() == literal.first_chunk()
        && found.last_chunk::<N>() == literal.last_chunk()
}
