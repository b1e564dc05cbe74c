//! Learned shapes: the text that the lines of an event have in common, and the values between.
//!
//! Spark's writer gives each event type a handful of byte-shapes. A shape is learned from a line
//! that `simd-json` has parsed; a later line either has the same text between its values, byte for
//! byte, or is left to `simd-json`. What a line that matches says is what `simd-json` would have
//! read from it: values are taken only in forms that leave no choice (canonical integers, ASCII
//! without escapes), and whatever else differs is text that does not match.

mod chain;
mod habit;
mod learn;
mod run;
mod scan;
mod tree;

use crate::decode::Value;
use crate::layout::Layout;
use crate::lines::Line;
use habit::Habits;
use learn::Lesson;
use run::{Found, Memory, Run};

/// As many shapes of one event are learned.
const MAX_SHAPES: usize = 16;
/// As many lines of one event are learned from.
const MAX_LESSONS: usize = 1024;
/// Only from lines of at most so many bytes is learned.
const MAX_LINE_BYTES: usize = 1 << 20;
/// Once so many bytes were learned from, what was learned is not added to.
const MAX_LEARNED_BYTES: usize = 8 << 20;
/// As many arrays of one event are told apart.
const MAX_ARRAYS: usize = 32;
/// As many different elements of one array are learned.
const MAX_ELEMENTS: usize = 1024;

/// In which form a slot takes its value, where a shape can give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An integer.
    Int,
    /// A string.
    Text,
    /// A boolean.
    Bool,
    /// An integer, as a number or as a string.
    IntText,
    /// An integer, as a number or as a string; nothing where a string is none.
    IntIfAny,
    /// A string that is no integer; nothing where it is one, or a number.
    TextIfNoInt,
    /// Whether the event has it.
    Present,
    /// Anything else: only the parser can give it.
    Other,
}

/// The slots of one table, and in which forms it takes their values.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The table's layout.
    pub layout: &'a Layout,
    /// The form of each slot.
    pub forms: &'a [Form],
    /// The slots without which there is no row.
    pub required: &'a [u16],
}

/// The shapes of one event class, for one list of tables.
#[derive(Default)]
pub struct Shapes {
    shapes: Vec<Shape>,
    /// Places in `shapes`, the one that matched last in front.
    order: Vec<usize>,
    /// What the lines of each shape usually have.
    habits: Vec<Habits>,
    arrays: Vec<Array>,
    /// What each array had lately.
    memories: Vec<Memory>,
    lessons: usize,
    learned_bytes: usize,
    found: Found,
}

/// What a whole line looks like.
#[derive(Debug, PartialEq)]
struct Shape {
    pattern: Pattern,
    /// What of it becomes rows, by table.
    rows: Vec<Rows>,
}

/// What of an event becomes rows of one table.
#[derive(Debug, PartialEq)]
struct Rows {
    cells: Cells,
    /// Whether the event itself is the row; else items of it are.
    is_row: bool,
}

/// The elements that an array has been seen to have.
#[derive(Debug, Default)]
struct Array {
    /// Its keys from the root on, joined.
    path: String,
    elements: Vec<Element>,
}

#[derive(Debug, PartialEq)]
struct Element {
    pattern: Pattern,
    /// By table, the cells of its row if it makes one.
    rows: Vec<Option<Cells>>,
    /// Whether any table has a row of it.
    is_item: bool,
}

/// Literal text and holes, in turn.
#[derive(Clone, Debug, Default, PartialEq)]
struct Pattern {
    literals: Vec<u8>,
    steps: Vec<Step>,
}

/// So much literal text, then a hole.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    literal: u16,
    hole: Hole,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Hole {
    /// An integer that is wanted, of its own or in a string: the quotes are literal text.
    Int,
    /// A string that is wanted.
    Text,
    /// A string that is wanted and is no integer.
    NoIntText,
    /// An integer that nobody wants.
    AnyInt,
    /// A string that nobody wants.
    AnyText,
    /// An array, its brackets included.
    Array(u16),
    /// Nothing: the pattern ends.
    End,
}

/// Where the values of a table's slots are.
#[derive(Debug, PartialEq)]
struct Cells {
    by_slot: Box<[Cell]>,
    /// Slots with an integer, and its word.
    integers: Box<[(usize, usize)]>,
    /// Slots with a string, and the word of its place.
    texts: Box<[(usize, usize)]>,
    /// Slots with something that all lines have.
    constants: Box<[(usize, Cell)]>,
}

/// Where a slot's value is.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    /// The event has no such field.
    Missing,
    /// `null` in every line of this shape.
    Null,
    /// The same boolean in every line of this shape.
    Bool(bool),
    /// The same string in every line of this shape.
    Literal(Box<str>),
    /// There, and nobody wants to know what.
    Present,
    /// The word with this number is the value.
    Int(usize),
    /// The word with this number is the value's place in the line.
    Text(usize),
}

/// A line that has a learned shape.
pub struct Matched<'a> {
    shape: &'a Shape,
    arrays: &'a [Array],
    found: &'a Found,
    line: &'a [u8],
}

/// The values of a part of a line: of the event, or of an item.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    cells: &'a Cells,
    words: &'a [u64],
    line: &'a [u8],
}

impl Shapes {
    /// The line, if it has a shape that was learned.
    pub fn find<'a>(&'a mut self, line: &'a Line<'_>) -> Option<Matched<'a>> {
        // Places in the line are kept in half a word.
        u32::try_from(line.bytes().len()).ok()?;
        let at = (0..self.order.len()).position(|at| self.has_shape(self.order[at], line))?;
        self.order[..=at].rotate_right(1);
        let shape = &self.shapes[self.order[0]];
        Some(Matched { shape, arrays: &self.arrays, found: &self.found, line: line.bytes() })
    }

    /// Whether the line has this shape; what is in it is in `found` then.
    fn has_shape(&mut self, shape: usize, line: &Line<'_>) -> bool {
        let Self { arrays, memories, found, .. } = self;
        let pattern = &self.shapes[shape].pattern;
        let habits = &mut self.habits[shape];
        let end = Some(line.bytes().len());
        let line = line.behind();
        let first = pattern.first(line);
        if let Some(usual) = first.and_then(|first| habits.usual(first)) {
            found.clear();
            let Found { words, unusual, numbers, items, item_words } = found;
            let mut run = Run::new(arrays, memories, line, items, item_words);
            if run.pattern::<false>(&usual.pattern, 0, unusual, numbers) == end {
                words.extend_from_slice(&usual.words);
                for (place, word) in usual.places.iter().zip(unusual) {
                    words[*place] = *word;
                }
                return true;
            }
        }
        found.clear();
        let Found { words, numbers, items, item_words, .. } = found;
        let mut run = Run::new(arrays, memories, line, items, item_words);
        if run.pattern::<true>(pattern, 0, words, numbers) != end {
            return false;
        }
        if let Some(first) = first {
            habits.saw(first, pattern, numbers);
        }
        true
    }

    /// Whether no line teaches anything any more.
    pub fn is_done(&self) -> bool {
        self.lessons >= MAX_LESSONS || self.learned_bytes >= MAX_LEARNED_BYTES
    }

    /// Learns from a line that made all its rows, if there is something to learn.
    ///
    /// What is `wanted` must be the same every time.
    pub fn learn(&mut self, line: &[u8], wanted: &[Wanted<'_>]) {
        if self.is_done() || line.len() > MAX_LINE_BYTES {
            return;
        }
        if !Lesson::is_possible(wanted) {
            self.lessons = MAX_LESSONS;
            return;
        }
        self.lessons += 1;
        self.learned_bytes += line.len();
        let shape = Lesson::new(line, wanted, &mut self.arrays).learn();
        self.memories.resize_with(self.arrays.len(), Memory::default);
        if let Some(shape) = shape
            && self.shapes.len() < MAX_SHAPES
            && !self.shapes.contains(&shape)
        {
            self.order.insert(0, self.shapes.len());
            self.habits.push(Habits::default());
            self.shapes.push(shape);
        }
    }
}

impl<'a> Matched<'a> {
    /// What the line says of the event for the table with this number among those that were wanted.
    pub fn event(&self, table: usize) -> Part<'a> {
        let cells = &self.shape.rows[table].cells;
        Part { cells, words: &self.found.words, line: self.line }
    }

    /// The items of the event that make rows of the table; `None` where the event itself is the row.
    pub fn items(&self, table: usize) -> Option<impl Iterator<Item = Part<'a>>> {
        let Found { items, item_words, .. } = self.found;
        let (arrays, line) = (self.arrays, self.line);
        let parts = items.iter().filter_map(move |item| {
            let element = &arrays[item.array].elements[item.element];
            let cells = element.rows[table].as_ref()?;
            Some(Part { cells, words: &item_words[item.words..], line })
        });
        (!self.shape.rows[table].is_row).then_some(parts)
    }
}

/// What takes the values of a part of a line, each with its slot.
///
/// Which of its methods a slot's values come by follows from the slot's form alone.
pub trait Sink {
    /// An integer.
    fn integer(&mut self, slot: usize, n: i64);
    /// A string, in UTF-8.
    fn text(&mut self, slot: usize, utf8: &[u8]);
    /// Any other value.
    fn value(&mut self, slot: usize, value: Value<'_>);
}

impl<'a> Part<'a> {
    /// Gives every value to `sink` that is there and not null, each slot once at most.
    ///
    /// Most of the time of reading goes into this: a sink need not look at what it is given, nor is
    /// it bothered with what is not there.
    #[inline(always)]
    pub fn give(&self, sink: &mut impl Sink) {
        for (slot, word) in &self.cells.integers {
            sink.integer(*slot, self.words[*word] as i64);
        }
        for (slot, word) in &self.cells.texts {
            sink.text(*slot, text(self.line, self.words[*word]));
        }
        for (slot, constant) in &self.cells.constants {
            match constant {
                Cell::Literal(text) => sink.text(*slot, text.as_bytes()),
                Cell::Bool(flag) => sink.value(*slot, Value::Bool(*flag)),
                _ => sink.value(*slot, Value::Bool(true)),
            }
        }
    }

    /// The value of a slot.
    #[inline]
    pub fn value(&self, slot: usize) -> Value<'a> {
        self.cell(&self.cells.by_slot[slot])
    }

    fn cell(&self, cell: &'a Cell) -> Value<'a> {
        match cell {
            Cell::Int(word) => Value::Int(self.words[*word] as i64),
            Cell::Missing => Value::Missing,
            Cell::Text(word) => {
                let text = std::str::from_utf8(text(self.line, self.words[*word]));
                Value::Text(text.expect("only ASCII has matched"))
            }
            Cell::Literal(text) => Value::Text(text),
            Cell::Null => Value::Null,
            Cell::Bool(flag) => Value::Bool(*flag),
            Cell::Present => Value::Bool(true),
        }
    }
}

impl From<Vec<Cell>> for Cells {
    fn from(by_slot: Vec<Cell>) -> Self {
        let (mut integers, mut texts, mut constants) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, cell) in by_slot.iter().enumerate() {
            match cell {
                Cell::Int(word) => integers.push((slot, *word)),
                Cell::Text(word) => texts.push((slot, *word)),
                Cell::Bool(_) | Cell::Literal(_) | Cell::Present => {
                    constants.push((slot, cell.clone()))
                }
                Cell::Missing | Cell::Null => {}
            }
        }
        Self {
            by_slot: by_slot.into(),
            integers: integers.into(),
            texts: texts.into(),
            constants: constants.into(),
        }
    }
}

/// A place in a line as a word: where it begins, then its length.
fn place(start: usize, end: usize) -> u64 {
    (start as u64) << 32 | (end - start) as u64
}

/// What stands at a place: ASCII, or the line would not have matched.
fn text(line: &[u8], place: u64) -> &[u8] {
    let half = |bits: u64| usize::try_from(bits & u64::from(u32::MAX)).expect("32 bits fit");
    let (start, len) = (half(place >> 32), half(place));
    &line[start..start + len]
}
