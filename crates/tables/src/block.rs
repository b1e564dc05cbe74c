//! The integers of a few rows, row by row, before they are appended to their columns.
//!
//! To go from column to column for each row costs several times what the values do: the columns are
//! far apart, and in each, room is to be made.

use crate::values::Values;

/// Rows of a block.
const ROWS: usize = 64;

/// As many slots can a table have.
const MAX_SLOTS: usize = 128;

/// The integers of the last rows of a table, by slot.
///
/// All that the rows have in columns of integers goes through the block, and nothing else does: what
/// comes later must not come before it.
pub(crate) struct Block {
    slots: usize,
    integers: Vec<i64>,
    /// By row, a bit for each slot that has an integer.
    given: Vec<u128>,
}

impl Block {
    pub(crate) fn new(slots: usize) -> Self {
        assert!(slots <= MAX_SLOTS, "a table has {slots} slots");
        Self { slots, integers: vec![0; ROWS * slots], given: Vec::with_capacity(ROWS) }
    }

    pub(crate) fn rows(&self) -> usize {
        self.given.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.given.len() == ROWS
    }

    /// One more row, where the block is not full.
    #[inline(always)]
    pub(crate) fn add(&mut self) -> BlockRow<'_> {
        let start = self.given.len() * self.slots;
        let integers = &mut self.integers[start..start + self.slots];
        self.given.push(0);
        BlockRow { integers, given: self.given.last_mut().expect("it was pushed") }
    }

    /// Puts an integer into each of the last `rows` rows.
    pub(crate) fn put(&mut self, rows: usize, slot: usize, n: i64) {
        let first = self.given.len() - rows;
        for given in &mut self.given[first..] {
            *given |= 1 << slot;
        }
        let integers = self.integers[first * self.slots..].chunks_exact_mut(self.slots);
        for row in integers.take(rows) {
            row[slot] = n;
        }
    }

    /// Appends the rows, of which the first is row `first` of the table, to the table's columns.
    pub(crate) fn flush<'a>(
        &mut self,
        first: usize,
        columns: impl Iterator<Item = &'a mut Values>,
    ) {
        let any = self.given.iter().fold(0, |any, given| any | given);
        let all = self.given.iter().fold(u128::MAX, |all, given| all & given);
        for (slot, values) in columns.enumerate() {
            let bit = 1 << slot;
            if any & bit == 0 {
                continue;
            }
            let rows = self.integers.chunks_exact(self.slots).take(self.given.len());
            let integers = rows.map(|row| row[slot]);
            if all & bit != 0 {
                values.put_integers(first, integers);
                continue;
            }
            for ((at, given), n) in self.given.iter().enumerate().zip(integers) {
                if given & bit != 0 {
                    values.put_integer(first + at, n);
                }
            }
        }
        self.given.clear();
    }
}

/// A row of a block.
pub(crate) struct BlockRow<'a> {
    integers: &'a mut [i64],
    given: &'a mut u128,
}

impl BlockRow<'_> {
    #[inline(always)]
    pub(crate) fn put(&mut self, slot: usize, n: i64) {
        self.integers[slot] = n;
        *self.given |= 1 << slot;
    }
}
