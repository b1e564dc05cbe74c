//! From a line that was read to the pattern that others like it have.

use std::ops::Range;

use super::tree::{self, Tree};
use super::{
    Array, Cell, Element, Form, Hole, MAX_ARRAYS, MAX_ELEMENTS, Pattern, Rows, Shape, Step, Wanted,
};
use crate::layout::{Items, NodeId};

/// One line to learn from.
pub(super) struct Lesson<'a> {
    line: &'a [u8],
    wanted: &'a [Wanted<'a>],
    arrays: &'a mut Vec<Array>,
}

/// What is wanted of the value at some place of the line.
#[derive(Default)]
struct Wants {
    /// By table, where its layout goes on below the value.
    nodes: Vec<(usize, NodeId)>,
    /// By table, a slot that takes the value.
    slots: Vec<(usize, u16)>,
    /// By table, the rest of the path to its items; empty: the items are here.
    items: Vec<(usize, &'static str)>,
    /// Its text is part of the pattern.
    literal: bool,
}

/// A pattern while it is drawn.
struct Drawing {
    pattern: Pattern,
    /// Where in the line the next literal begins.
    literal: usize,
    words: usize,
    /// By table.
    cells: Vec<Vec<Cell>>,
}

impl<'a> Lesson<'a> {
    pub(super) fn new(
        line: &'a [u8],
        wanted: &'a [Wanted<'a>],
        arrays: &'a mut Vec<Array>,
    ) -> Self {
        Self { line, wanted, arrays }
    }

    /// Whether lines can have shapes that give what is wanted of them.
    pub(super) fn is_possible(wanted: &[Wanted<'_>]) -> bool {
        wanted.iter().all(|Wanted { layout, .. }| {
            let simple = matches!(
                layout.items,
                Items::Event
                    | Items::Elements(_)
                    | Items::ElementsExcept { .. }
                    | Items::ElementsOrEvent(_)
            );
            simple && layout.whole_item.is_none()
        })
    }

    /// The shape of the line. `None` where some value is wanted in a way that no pattern can give.
    pub(super) fn learn(mut self) -> Option<Shape> {
        let tree = tree::parse(self.line)?;
        let mut wants = Wants::default();
        for (table, Wanted { layout, .. }) in self.wanted.iter().enumerate() {
            wants.nodes.push((table, layout.root));
            match layout.items {
                Items::ElementsOrEvent(paths) => {
                    wants.nodes.push((table, layout.item));
                    wants.items.extend(paths.iter().map(|path| (table, *path)));
                }
                Items::Elements(paths) | Items::ElementsExcept { at: paths, .. } => {
                    wants.items.extend(paths.iter().map(|path| (table, *path)));
                }
                _ => {}
            }
        }
        let mut drawing = Drawing::new(0, self.wanted);
        self.value(&mut drawing, &tree, &wants, "")?;
        if !self.has_required(&drawing) {
            return None;
        }
        let pattern = drawing.end(self.line, self.line.len())?;
        let rows = self.wanted.iter().zip(drawing.cells).map(|(wanted, cells)| Rows {
            cells: cells.into(),
            is_row: matches!(wanted.layout.items, Items::Event | Items::ElementsOrEvent(_)),
        });
        Some(Shape { pattern, rows: rows.collect() })
    }

    /// Whether the event has what each row needs of it. A line that makes no row may lack it without
    /// harm, but others of its shape could have items.
    fn has_required(&self, drawing: &Drawing) -> bool {
        self.wanted.iter().zip(&drawing.cells).all(|(wanted, cells)| {
            let of_event = |slot: &&u16| !wanted.layout.item_slots.contains(slot);
            wanted
                .required
                .iter()
                .filter(of_event)
                .all(|slot| !matches!(cells[usize::from(*slot)], Cell::Missing | Cell::Null))
        })
    }

    fn value(
        &mut self,
        drawing: &mut Drawing,
        tree: &Tree,
        wants: &Wants,
        path: &str,
    ) -> Option<()> {
        let is_array = matches!(tree, Tree::Array(..));
        if !is_array && wants.items.iter().any(|(_, rest)| rest.is_empty()) {
            return None;
        }
        match tree {
            Tree::Text(at) => self.text(drawing, at, wants),
            Tree::Plain(at) => self.plain(drawing, at, wants),
            Tree::Object(entries) => {
                self.presence(drawing, wants)?;
                for (key, value) in entries {
                    let key = self.key(key)?;
                    let mut below = self.below(wants, key);
                    // What the event is decides where its rows go.
                    below.literal = path.is_empty() && key == "Event";
                    self.value(drawing, value, &below, &format!("{path}/{key}"))?;
                }
                Some(())
            }
            Tree::Array(at, elements) => {
                self.presence(drawing, wants)?;
                let keys = |&(table, node): &(usize, NodeId)| {
                    !self.wanted[table].layout.nodes[usize::from(node)].keys.is_empty()
                };
                if wants.nodes.iter().any(keys)
                    || wants.items.iter().any(|(_, rest)| !rest.is_empty())
                {
                    return None;
                }
                let array = self.array(path, &wants.items)?;
                for (at, element) in elements {
                    self.element(array, at, element, &wants.items, path)?;
                }
                drawing.hole(self.line, at.clone(), Hole::Array(u16::try_from(array).ok()?))?;
                Some(())
            }
        }
    }

    /// A string goes where strings are wanted, and where integers are if it is one.
    fn text(&self, drawing: &mut Drawing, at: &Range<usize>, wants: &Wants) -> Option<()> {
        let text = std::str::from_utf8(&self.line[at.clone()]).ok()?;
        let forms = self.forms(wants);
        if wants.literal {
            return forms.iter().all(|form| matches!(form, Form::Text | Form::Present)).then(
                || {
                    self.set(drawing, wants, &Cell::Literal(text.into()));
                },
            );
        }
        let (hole, cell) = if forms.iter().all(|form| *form == Form::Present) {
            (Hole::AnyText, Cell::Present)
        } else if forms.iter().all(|form| matches!(form, Form::Text | Form::Present)) {
            (Hole::Text, Cell::Text(drawing.words))
        } else if forms
            .iter()
            .any(|form| matches!(form, Form::Text | Form::Int | Form::Bool | Form::Other))
        {
            return None;
        } else if text.parse::<i64>().is_ok_and(|n| n.to_string() == text) {
            (Hole::Int, Cell::Int(drawing.words))
        } else if forms.contains(&Form::IntText) || text.parse::<i64>().is_ok() {
            return None;
        } else {
            (Hole::NoIntText, Cell::Text(drawing.words))
        };
        self.set(drawing, wants, &cell);
        drawing.hole(self.line, at.clone(), hole)
    }

    /// A number is a hole; `true`, `false` and `null` are part of the pattern.
    fn plain(&self, drawing: &mut Drawing, at: &Range<usize>, wants: &Wants) -> Option<()> {
        let forms = self.forms(wants);
        let fixed = match &self.line[at.clone()] {
            b"null" => Some(Cell::Null),
            b"true" => Some(Cell::Bool(true)),
            b"false" => Some(Cell::Bool(false)),
            _ => None,
        };
        if let Some(cell) = fixed {
            let fits = |form: &Form| matches!(form, Form::Bool | Form::Present);
            return (cell == Cell::Null || forms.iter().all(fits))
                .then(|| self.set(drawing, wants, &cell));
        }
        let digits = self.line[at.clone()].strip_prefix(b"-").unwrap_or(&self.line[at.clone()]);
        if !digits.iter().all(u8::is_ascii_digit)
            || forms.iter().any(|form| matches!(form, Form::Text | Form::Bool | Form::Other))
        {
            return None;
        }
        let hole = if forms.iter().all(|form| *form == Form::Present) {
            self.set(drawing, wants, &Cell::Present);
            Hole::AnyInt
        } else {
            self.set(drawing, wants, &Cell::Int(drawing.words));
            Hole::Int
        };
        drawing.hole(self.line, at.clone(), hole)
    }

    /// Of an object or an array, a pattern can only say that it is there.
    fn presence(&self, drawing: &mut Drawing, wants: &Wants) -> Option<()> {
        self.forms(wants).iter().all(|form| *form == Form::Present).then(|| {
            self.set(drawing, wants, &Cell::Present);
        })
    }

    /// Says where the value is that some slots want, each in its form.
    fn set(&self, drawing: &mut Drawing, wants: &Wants, cell: &Cell) {
        for &(table, slot) in &wants.slots {
            let slot = usize::from(slot);
            drawing.cells[table][slot] = match (self.wanted[table].forms[slot], cell) {
                (_, Cell::Null) => Cell::Null,
                (Form::Present, _) => Cell::Present,
                (Form::TextIfNoInt, Cell::Int(_)) | (Form::IntIfAny, Cell::Text(_)) => Cell::Null,
                (_, cell) => cell.clone(),
            };
        }
    }

    fn forms(&self, wants: &Wants) -> Vec<Form> {
        wants
            .slots
            .iter()
            .map(|&(table, slot)| self.wanted[table].forms[usize::from(slot)])
            .collect()
    }

    /// A key of the line. One with a slash in it would make two paths of one text.
    fn key(&self, at: &Range<usize>) -> Option<&'a str> {
        std::str::from_utf8(&self.line[at.clone()]).ok().filter(|key| !key.contains('/'))
    }

    /// What is wanted of the value at `key` of an object.
    fn below(&self, wants: &Wants, key: &str) -> Wants {
        let mut below = Wants::default();
        for &(table, node) in &wants.nodes {
            let keys = &self.wanted[table].layout.nodes[usize::from(node)].keys;
            for found in keys.iter().filter(|found| found.name == key) {
                below.nodes.extend(found.node.map(|node| (table, node)));
                below.slots.extend(found.slots.iter().map(|&slot| (table, slot)));
            }
        }
        for &(table, path) in &wants.items {
            match path.strip_prefix(key) {
                Some("") => below.items.push((table, "")),
                Some(rest) => below.items.extend(rest.strip_prefix('/').map(|rest| (table, rest))),
                None => {}
            }
        }
        below
    }

    /// The array at `path`, which has items of these tables.
    fn array(&mut self, path: &str, items: &[(usize, &str)]) -> Option<usize> {
        let or_event = |&(table, _): &(usize, &str)| {
            matches!(self.wanted[table].layout.items, Items::ElementsOrEvent(_))
        };
        if items.iter().any(or_event) {
            return None;
        }
        let known = self.arrays.iter().position(|array| array.path == path);
        if known.is_none() && self.arrays.len() < MAX_ARRAYS {
            self.arrays.push(Array { path: path.to_owned(), elements: Vec::new() });
            return Some(self.arrays.len() - 1);
        }
        known
    }

    fn element(
        &mut self,
        array: usize,
        at: &Range<usize>,
        tree: &Tree,
        items: &[(usize, &'static str)],
        path: &str,
    ) -> Option<()> {
        if matches!(tree, Tree::Array(..)) {
            // It would have the path of the array around it, and so be its own element.
            return None;
        }
        let mut drawing = Drawing::new(at.start, self.wanted);
        let mut is_row = vec![false; self.wanted.len()];
        if items.is_empty() {
            self.value(&mut drawing, tree, &Wants::default(), path)?;
        } else {
            let Tree::Object(entries) = tree else { return None };
            let mut wants = Wants::default();
            let mut names = Vec::new();
            for &(table, _) in items {
                let layout = self.wanted[table].layout;
                is_row[table] = true;
                if let Items::ElementsExcept { key, prefix, .. } = layout.items {
                    names.push(key);
                    let out = entries.iter().any(|(name, value)| match value {
                        Tree::Text(text) => {
                            self.line[name.clone()] == *key.as_bytes()
                                && self.line[text.clone()].starts_with(prefix.as_bytes())
                        }
                        _ => false,
                    });
                    is_row[table] = !out;
                }
                if is_row[table] {
                    wants.nodes.push((table, layout.item));
                }
            }
            for (key, value) in entries {
                let key = self.key(key)?;
                let mut below = self.below(&wants, key);
                below.literal = names.contains(&key);
                self.value(&mut drawing, value, &below, &format!("{path}/{key}"))?;
            }
        }
        let pattern = drawing.end(self.line, at.end)?;
        let is_item = is_row.contains(&true);
        let rows = is_row.into_iter().zip(drawing.cells);
        let rows = rows.map(|(is_row, cells)| is_row.then(|| cells.into())).collect();
        let element = Element { pattern, rows, is_item };
        let elements = &mut self.arrays[array].elements;
        if !elements.contains(&element) && elements.len() < MAX_ELEMENTS {
            elements.push(element);
        }
        Some(())
    }
}

impl Drawing {
    fn new(literal: usize, wanted: &[Wanted<'_>]) -> Self {
        let cells = wanted.iter().map(|wanted| vec![Cell::Missing; wanted.layout.slots]).collect();
        Self { pattern: Pattern::default(), literal, words: 0, cells }
    }

    fn hole(&mut self, line: &[u8], at: Range<usize>, hole: Hole) -> Option<()> {
        self.words += usize::from(matches!(hole, Hole::Int | Hole::Text | Hole::NoIntText));
        self.pattern.literals.extend_from_slice(&line[self.literal..at.start]);
        let literal = u16::try_from(at.start - self.literal).ok()?;
        self.pattern.steps.push(Step { literal, hole });
        self.literal = at.end;
        Some(())
    }

    fn end(&mut self, line: &[u8], at: usize) -> Option<Pattern> {
        self.hole(line, at..at, Hole::End)?;
        Some(std::mem::take(&mut self.pattern))
    }
}
