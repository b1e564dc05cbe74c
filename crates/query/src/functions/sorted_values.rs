//! `sorted_values(x)`: the values of a group in order, for ranks in it; `merged_values(list)` of
//! such lists.
//!
//! Spark's quantiles are values that occur, by rank, never between two of them.

use std::mem::size_of_val;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use datafusion::scalar::ScalarValue;

use super::signature::{About, aggregate};

/// The functions.
pub(super) fn functions() -> [AggregateUDF; 2] {
    let list = || DataType::List(element());
    let sorted = About {
        name: "sorted_values",
        arguments: vec![("x", DataType::Int64, "a value of each row; NULL is left out")],
        returns: list(),
        description: "The values of a group in order, for ranks in it: Spark's quantiles are values \
                      that occur, by rank, never between two of them. Of no values it is empty.",
        example: "SELECT sorted_values(x)[2] FROM (VALUES (3), (1), (2)) AS t (x);  -- 2",
    };
    let merged = About {
        name: "merged_values",
        arguments: vec![("list", list(), "values of each row; NULL is left out")],
        returns: list(),
        description: "All values of the lists of a group in order.",
        example: "SELECT merged_values(x)[3] FROM (VALUES ([3, 1]), ([2])) AS t (x);  -- 3",
    };
    [
        aggregate::<SortedValues>(sorted, vec![list()]),
        aggregate::<MergedValues>(merged, vec![list()]),
    ]
}

fn element() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Int64, true))
}

#[derive(Debug, Default)]
struct SortedValues(Vec<i64>);

impl SortedValues {
    fn list(&self) -> ScalarValue {
        let values = Int64Array::from_iter_values(self.0.iter().copied());
        let offsets = OffsetBuffer::from_lengths([self.0.len()]);
        ScalarValue::List(Arc::new(ListArray::new(element(), offsets, Arc::new(values), None)))
    }
}

impl Accumulator for SortedValues {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.extend(values[0].as_primitive::<Int64Type>().iter().flatten());
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.update_batch(&[list])?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.list()])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.sort_unstable();
        Ok(self.list())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.capacity() * size_of::<i64>()
    }
}

#[derive(Debug, Default)]
struct MergedValues(SortedValues);

impl Accumulator for MergedValues {
    fn update_batch(&mut self, lists: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(lists)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.evaluate()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
