//! What the tasks of a segment add up to, so that few questions need the tasks themselves.
//!
//! A row of such a table is a group of the tasks of one segment; rows of several segments add up to
//! those of an application. Which tasks a column takes in, and how, is declared with the column.

use std::collections::HashMap;
use std::mem;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use stagelight_eventlog::{Identity, Value};

use crate::builder::{RowContext, TableBuilder};
use crate::column::{Column, Fold, Source, Tasks};
use crate::table::Table;
use crate::tables::{self, task_ends, task_starts};

/// So many groups become rows before others are begun.
const GROUPS: usize = 8192;

/// What the tasks that were added add up to, in every table that has it.
pub(crate) struct Sums(Vec<TableSums>);

struct TableSums {
    builder: TableBuilder,
    columns: Vec<(Fold, Folded)>,
    /// The number of a group by its keys.
    groups: HashMap<Box<[u8]>, usize>,
}

/// The values of a column, by the number of the group.
enum Folded {
    Integers(Vec<Option<i64>>),
    /// Microseconds.
    Times(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
}

impl Sums {
    pub(crate) fn new(identity: &Identity, segment: i64) -> Self {
        let sums = tables::SUMS.iter().map(|&table| TableSums {
            builder: TableBuilder::new(table, identity.clone(), segment),
            columns: table.columns().filter_map(Folded::of).collect(),
            groups: HashMap::new(),
        });
        Self(sums.collect())
    }

    /// Adds the rows of a batch, where they are of tasks.
    pub(crate) fn add(&mut self, table: &Table, batch: &RecordBatch) {
        let are_ends = table.name == task_ends::TABLE.name;
        if !are_ends && table.name != task_starts::TABLE.name {
            return;
        }
        let mut chosen: Vec<(Tasks, Vec<bool>)> = Vec::new();
        for sums in &mut self.0 {
            let groups = sums.groups(batch);
            for (fold, folded) in &mut sums.columns {
                let (Folded::Integers(folded) | Folded::Times(folded)) = folded else { continue };
                let Some(tasks) = fold.tasks().filter(|tasks| tasks.are_ends() == are_ends) else {
                    continue;
                };
                let at = chosen.iter().position(|(of, _)| *of == tasks).unwrap_or_else(|| {
                    chosen.push((tasks, choose(tasks, batch)));
                    chosen.len() - 1
                });
                add(*fold, batch, &chosen[at].1, &groups, folded);
            }
        }
    }

    /// Takes the rows of the tables that have many.
    pub(crate) fn full(&mut self) -> impl Iterator<Item = (&'static Table, RecordBatch)> {
        self.0.iter_mut().filter(|sums| sums.groups.len() >= GROUPS).map(TableSums::take)
    }

    /// Takes all rows.
    pub(crate) fn rest(&mut self) -> impl Iterator<Item = (&'static Table, RecordBatch)> {
        self.0.iter_mut().filter(|sums| !sums.groups.is_empty()).map(TableSums::take)
    }
}

impl TableSums {
    /// The number of the group of every row; groups that are new are begun.
    fn groups(&mut self, batch: &RecordBatch) -> Vec<usize> {
        let Self { columns, groups, .. } = self;
        let keys = columns.iter().filter_map(|(fold, _)| match fold {
            Fold::Key(name) => Some(Key::of(batch, name)),
            _ => None,
        });
        let keys: Vec<_> = keys.collect();
        let mut numbers: Vec<usize> = Vec::with_capacity(batch.num_rows());
        let (mut key, mut before) = (Vec::new(), Vec::new());
        for row in 0..batch.num_rows() {
            mem::swap(&mut key, &mut before);
            key.clear();
            keys.iter().for_each(|column| column.write(row, &mut key));
            let number = match numbers.last() {
                // Often a task is of the same group as the one before.
                Some(&number) if key == before => number,
                _ => groups.get(&*key).copied().unwrap_or_else(|| {
                    let mut keys = keys.iter();
                    for (fold, folded) in &mut *columns {
                        match (fold, folded) {
                            (Fold::Key(_), folded) => {
                                keys.next().expect("as many as there are").begin(row, folded);
                            }
                            (
                                Fold::Least(..) | Fold::Greatest(..),
                                Folded::Integers(all) | Folded::Times(all),
                            ) => all.push(None),
                            (_, Folded::Integers(all) | Folded::Times(all)) => all.push(Some(0)),
                            (_, Folded::Texts(_)) => {}
                        }
                    }
                    groups.insert(key.clone().into(), groups.len());
                    groups.len() - 1
                }),
            };
            numbers.push(number);
        }
        numbers
    }

    fn take(&mut self) -> (&'static Table, RecordBatch) {
        for group in 0..self.groups.len() {
            let row = self.columns.iter().map(|(_, folded)| match folded {
                Folded::Integers(all) => all[group].map_or(Value::Null, Value::Int),
                Folded::Times(all) => {
                    all[group].map_or(Value::Null, |micros| Value::Int(micros / 1000))
                }
                Folded::Texts(all) => all[group].as_deref().map_or(Value::Null, Value::Text),
            });
            let context = RowContext { line: 0, event: "", raw: "" };
            let row: Vec<_> = row.collect();
            self.builder.append(context, &row).expect("a fold has the type of its column");
        }
        self.groups.clear();
        for (_, folded) in &mut self.columns {
            match folded {
                Folded::Integers(all) | Folded::Times(all) => all.clear(),
                Folded::Texts(all) => all.clear(),
            }
        }
        (self.builder.table(), self.builder.take())
    }
}

impl Folded {
    /// No values yet of a column that is folded.
    fn of(column: Column) -> Option<(Fold, Self)> {
        let Source::Folded(fold) = column.source else { return None };
        let none = match column.kind.data_type() {
            DataType::Timestamp(..) => Self::Times(Vec::new()),
            DataType::Utf8 => Self::Texts(Vec::new()),
            _ => Self::Integers(Vec::new()),
        };
        Some((fold, none))
    }
}

/// A column that tells groups apart.
enum Key<'a> {
    Integers(&'a Int64Array),
    Texts(&'a StringArray),
}

impl<'a> Key<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Self {
        let column = column(batch, name);
        match column.data_type() {
            DataType::Utf8 => Self::Texts(column.as_string()),
            _ => Self::Integers(column.as_primitive()),
        }
    }

    /// Appends bytes that no other value has.
    fn write(&self, row: usize, key: &mut Vec<u8>) {
        match self {
            Self::Integers(all) if all.is_valid(row) => {
                key.push(1);
                key.extend_from_slice(&all.value(row).to_le_bytes());
            }
            Self::Texts(all) if all.is_valid(row) => {
                let text = all.value(row);
                key.push(1);
                key.extend_from_slice(&text.len().to_le_bytes());
                key.extend_from_slice(text.as_bytes());
            }
            _ => key.push(0),
        }
    }

    /// Appends the value to those of the groups.
    fn begin(&self, row: usize, folded: &mut Folded) {
        match (self, folded) {
            (Self::Integers(all), Folded::Integers(keys)) => {
                keys.push(all.is_valid(row).then(|| all.value(row)));
            }
            (Self::Texts(all), Folded::Texts(keys)) => {
                keys.push(all.is_valid(row).then(|| all.value(row).to_owned()));
            }
            _ => unreachable!("a key has the type of its column"),
        }
    }
}

/// Which rows of a batch of starts or of ends are among `tasks`.
fn choose(tasks: Tasks, batch: &RecordBatch) -> Vec<bool> {
    let rows = batch.num_rows();
    let by_reason = |holds: fn(Option<&str>) -> bool| -> Vec<bool> {
        column(batch, "end_reason").as_string::<i32>().iter().map(holds).collect()
    };
    let and = |one: Vec<bool>, other: Vec<bool>| -> Vec<bool> {
        one.into_iter().zip(other).map(|(one, other)| one && other).collect()
    };
    let flags = |name: &str, is: bool| -> Vec<bool> {
        column(batch, name).as_boolean().iter().map(|flag| (flag == Some(true)) == is).collect()
    };
    let integers = |name: &str, holds: fn(Option<i64>) -> bool| -> Vec<bool> {
        column(batch, name).as_primitive::<Int64Type>().iter().map(holds).collect()
    };
    let finished = || by_reason(|reason| reason != Some("Resubmitted"));
    match tasks {
        Tasks::Started | Tasks::Ended => vec![true; rows],
        Tasks::Finished => finished(),
        Tasks::Succeeded => by_reason(|reason| reason == Some("Success")),
        Tasks::Killed => {
            by_reason(|reason| matches!(reason, Some("TaskKilled" | "TaskCommitDenied")))
        }
        Tasks::Retried => {
            let is_later = |attempt: Option<i64>| attempt.is_some_and(|attempt| attempt > 0);
            let of_task = integers("task_attempt", is_later);
            let of_stage = integers("stage_attempt_id", is_later);
            let later = of_task.into_iter().zip(of_stage).map(|(task, stage)| task || stage);
            and(later.collect(), by_reason(|reason| reason == Some("Success")))
        }
        Tasks::FlaggedFailed => and(finished(), flags("failed", true)),
        Tasks::FlaggedKilled => and(and(finished(), flags("killed", true)), flags("failed", false)),
        Tasks::Reporting => integers("peak_jvm_heap_memory", |peak| peak.unwrap_or(0) >= 0),
    }
}

/// Adds the chosen rows to what their groups have of a column.
fn add(
    fold: Fold,
    batch: &RecordBatch,
    chosen: &[bool],
    groups: &[usize],
    folded: &mut [Option<i64>],
) {
    let mut add_all = |values: &Int64Array, with: fn(i64, i64) -> i64| {
        for (row, &group) in groups.iter().enumerate() {
            if chosen[row] && values.is_valid(row) {
                let n = values.value(row);
                folded[group] = Some(folded[group].map_or(n, |all| with(all, n)));
            }
        }
    };
    let values = |name| integers(batch, name);
    match fold {
        Fold::Key(_) => {}
        Fold::Count(_) => {
            for (&group, _) in groups.iter().zip(chosen).filter(|(_, chosen)| **chosen) {
                folded[group] = folded[group].map(|count| count + 1);
            }
        }
        Fold::Sum(_, name) => add_all(&values(name), i64::wrapping_add),
        Fold::SumOfHashes(_, name) => {
            add_all(&values(name).unary(Fold::hash), i64::wrapping_add);
        }
        Fold::SumOfSpans(_, from, to) => {
            let (from, to) = (values(from), values(to));
            let spans =
                from.iter().zip(to.iter()).map(|(from, to)| Some(to? / 1000 - from? / 1000));
            add_all(&spans.collect(), i64::wrapping_add);
        }
        Fold::SumOfDelays(_) => add_all(&delays(batch), i64::wrapping_add),
        Fold::Least(_, name) => add_all(&values(name), i64::min),
        Fold::Greatest(_, name) => add_all(&values(name), i64::max),
    }
}

/// The scheduler delay of every task, in milliseconds.
fn delays(batch: &RecordBatch) -> Int64Array {
    let times = ["launch_time", "finish_time", "getting_result_time"];
    let [launch, finish, getting_result] = times.map(|name| integers(batch, name));
    let spent =
        ["executor_run_time_ms", "executor_deserialize_time_ms", "result_serialization_time_ms"];
    let spent = spent.map(|name| integers(batch, name));
    let ms = |times: &Int64Array, row| times.is_valid(row).then(|| times.value(row) / 1000);
    let delay = |row| {
        let finish = ms(&finish, row)?;
        let duration = finish - ms(&launch, row)?;
        let fetched =
            ms(&getting_result, row).filter(|began| *began > 0).map_or(0, |began| finish - began);
        let spent = spent.iter().filter(|ms| ms.is_valid(row)).map(|ms| ms.value(row));
        Some((duration - fetched - spent.sum::<i64>()).max(0))
    };
    (0..batch.num_rows()).map(delay).collect()
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a dyn Array {
    batch.column_by_name(name).expect("folds are of columns of tasks")
}

/// A column of integers, or of times as microseconds.
fn integers(batch: &RecordBatch, name: &str) -> Int64Array {
    let column = column(batch, name);
    match column.data_type() {
        DataType::Timestamp(..) => {
            column.as_primitive::<TimestampMicrosecondType>().reinterpret_cast()
        }
        _ => column.as_primitive::<Int64Type>().clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_groups_become_rows_before_there_are_more() {
        let identity = Identity { app_id: "app".to_owned(), attempt_id: None };
        let mut sums = Sums::new(&identity, 1);
        let table = &task_starts::TABLE;
        let mut taken: Vec<(&str, i64, i64)> = Vec::new();
        let mut take = |(table, batch): (&'static Table, RecordBatch)| {
            let started = column(&batch, "num_started").as_primitive::<Int64Type>().iter();
            let started = started.map(|count| count.expect("a count")).sum();
            taken.push((table.name, batch.num_rows() as i64, started));
        };
        for stages in 0..3_i64 {
            let mut starts = TableBuilder::new(table, identity.clone(), 1);
            for task in 0..4096 {
                let context = RowContext { line: task + 1, event: "", raw: "" };
                let mut row = vec![Value::Missing; table.forms().len()];
                row[0] = Value::Int(stages * 4096 + task);
                row[2] = Value::Int(task);
                row[7] = Value::Text(if task % 2 == 0 { "1" } else { "2" });
                starts.append(context, &row).expect("a start");
            }
            sums.add(table, &starts.take());
            sums.full().for_each(&mut take);
        }
        sums.rest().for_each(&mut take);
        assert_eq!(
            taken,
            [("stage_sums", 8192, 8192), ("executor_sums", 2, 12288), ("stage_sums", 4096, 4096)]
        );
    }
}
