//! `longest_path(id, parents, length)` and `longest_chain(from, to, length)`: how fast stages, and
//! jobs, could be if nothing but each other kept them waiting.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::mem::size_of_val;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use datafusion::scalar::ScalarValue;

use super::signature::{About, aggregate};

/// The functions.
pub(super) fn functions() -> [AggregateUDF; 2] {
    let int = |name, about| (name, DataType::Int64, about);
    let list = || DataType::List(element());
    let path = About {
        name: "longest_path",
        arguments: vec![
            int("id", "what each row is of, as a stage"),
            ("parents", list(), "the ids that it waits for; those of no row are none"),
            int("length", "how long it lasts"),
        ],
        returns: DataType::Int64,
        description: "The greatest sum of lengths along a path in a group's graph, from what waits for \
                      nothing to what nothing waits for. What waits for itself in the end is left out.",
        example: "SELECT longest_path(id, parents, length)
FROM (VALUES (1, [], 5), (2, [], 7), (3, [1, 2], 1)) AS t (id, parents, length);  -- 8",
    };
    let chain = About {
        name: "longest_chain",
        arguments: vec![
            int("from", "where each row's span begins"),
            int("to", "where it ends; NULL for one that has not ended, which none follows"),
            int("length", "how long it counts"),
        ],
        returns: DataType::Int64,
        description: "The greatest sum of lengths of a group's spans that follow one another, each \
                      beginning when the one before has ended, or later.",
        example: "SELECT longest_chain(x, y, length)
FROM (VALUES (0, 4, 4), (1, 9, 8), (5, 7, 2)) AS t (x, y, length);  -- 8",
    };
    [aggregate::<LongestPath>(path, vec![list()]), aggregate::<LongestChain>(chain, vec![list()])]
}

fn element() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Int64, true))
}

/// What was seen so far, as numbers one after another.
#[derive(Debug, Default)]
struct Numbers(Vec<i64>);

impl Numbers {
    fn state(&self) -> Vec<ScalarValue> {
        let values = Int64Array::from_iter_values(self.0.iter().copied());
        let offsets = OffsetBuffer::from_lengths([self.0.len()]);
        let list = ListArray::new(element(), offsets, Arc::new(values), None);
        vec![ScalarValue::List(Arc::new(list))]
    }

    fn merge(&mut self, states: &[ArrayRef]) {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.0.extend(list.as_primitive::<Int64Type>().iter().flatten());
        }
    }

    fn size(&self) -> usize {
        self.0.capacity() * size_of::<i64>()
    }
}

/// Of each vertex its id, its length, how many parents it has, and those.
#[derive(Debug, Default)]
struct LongestPath(Numbers);

#[derive(Debug, Default)]
struct Vertex {
    length: i64,
    parents: Vec<i64>,
    children: Vec<i64>,
    /// How many parents are not done.
    waits_for: usize,
    /// The longest path to its beginning.
    begins: i64,
}

impl LongestPath {
    /// The vertices. Of one that was told several times, the greatest length and all parents hold;
    /// parents that were not told are none.
    fn graph(&self) -> BTreeMap<i64, Vertex> {
        let mut graph = BTreeMap::<i64, Vertex>::new();
        let mut numbers = self.0.0.iter().copied();
        while let (Some(id), Some(length), Some(parents)) =
            (numbers.next(), numbers.next(), numbers.next())
        {
            let vertex = graph.entry(id).or_default();
            vertex.length = vertex.length.max(length);
            vertex.parents.extend((0..parents).map_while(|_| numbers.next()));
        }
        let mut edges = Vec::new();
        for (&id, vertex) in &mut graph {
            vertex.parents.sort_unstable();
            vertex.parents.dedup();
            edges.extend(vertex.parents.iter().map(|&parent| (parent, id)));
        }
        for (parent, child) in edges {
            let Some(vertex) = graph.get_mut(&parent) else { continue };
            vertex.children.push(child);
            if let Some(child) = graph.get_mut(&child) {
                child.waits_for += 1;
            }
        }
        graph
    }

    /// Each vertex is done when its parents are. What waits for itself never is, and does not count.
    fn longest(&self) -> Option<i64> {
        let mut graph = self.graph();
        let mut ready: Vec<_> =
            graph.iter().filter(|(_, vertex)| vertex.waits_for == 0).map(|(&id, _)| id).collect();
        let mut longest = None;
        while let Some(id) = ready.pop() {
            let Some(vertex) = graph.get(&id) else { continue };
            let ends = vertex.begins.saturating_add(vertex.length);
            longest = longest.max(Some(ends));
            for child in vertex.children.clone() {
                let Some(vertex) = graph.get_mut(&child) else { continue };
                vertex.begins = vertex.begins.max(ends);
                vertex.waits_for -= 1;
                if vertex.waits_for == 0 {
                    ready.push(child);
                }
            }
        }
        longest
    }
}

impl Accumulator for LongestPath {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let ids = values[0].as_primitive::<Int64Type>();
        let parents = values[1].as_list::<i32>();
        let lengths = values[2].as_primitive::<Int64Type>();
        for (row, (id, length)) in ids.iter().zip(lengths).enumerate() {
            let Some(id) = id else { continue };
            let start = self.0.0.len();
            self.0.0.extend([id, length.unwrap_or(0), 0]);
            if parents.is_valid(row) {
                self.0.0.extend(parents.value(row).as_primitive::<Int64Type>().iter().flatten());
            }
            let count = self.0.0.len() - start - 3;
            self.0.0[start + 2] = i64::try_from(count).unwrap_or(i64::MAX);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge(states);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(self.0.state())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(self.longest()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.size()
    }
}

/// Of each span where it begins, where it ends, and its length.
#[derive(Debug, Default)]
struct LongestChain(Numbers);

impl LongestChain {
    fn longest(&self) -> Option<i64> {
        let spans = self.0.0.chunks_exact(3);
        let mut spans: Vec<_> = spans.map(|span| (span[0], span[1], span[2])).collect();
        spans.sort_unstable();
        let mut longest = None;
        // The longest chain of spans that have ended, and those that go on, by their ends.
        let mut ended = 0;
        let mut open = BinaryHeap::new();
        for (from, to, length) in spans {
            while let Some(&Reverse((end, chain))) = open.peek()
                && end <= from
            {
                ended = ended.max(chain);
                open.pop();
            }
            let chain = length.saturating_add(ended);
            longest = longest.max(Some(chain));
            open.push(Reverse((to, chain)));
        }
        longest
    }
}

impl Accumulator for LongestChain {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [from, to, length] = [0, 1, 2].map(|column| values[column].as_primitive::<Int64Type>());
        for ((from, to), length) in from.iter().zip(to).zip(length) {
            let Some(from) = from else { continue };
            let to = to.unwrap_or(i64::MAX).max(from);
            self.0.0.extend([from, to, length.unwrap_or(0)]);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge(states);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(self.0.state())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(self.longest()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.size()
    }
}

#[cfg(test)]
mod tests;
