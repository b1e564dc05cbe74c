//! What lines that begin with the same number have in common.
//!
//! Most numbers of the tasks of a stage are the same, zeros above all. Once that is seen they are
//! text like any other, and few holes are left.

use super::{Hole, Pattern, Step};

/// So many numbers are told apart; a further one takes the place of an earlier one.
const HABITS: usize = 64;
/// After so many lines it is judged what is always the same.
const LINES: u32 = 4;
/// Where the judgement was wrong so often there is no habit.
const MISTAKES: u32 = 24;

/// What lines of a shape have in common, by the number that they begin with.
#[derive(Default)]
pub(super) struct Habits(Vec<Option<Habit>>);

struct Habit {
    first: i64,
    lines: u32,
    mistakes: u32,
    /// Each number of the shape, as long as it was the same in all lines.
    numbers: Vec<Option<i64>>,
    usual: Option<Usual>,
}

/// A pattern with the usual numbers in it.
pub(super) struct Usual {
    pub(super) pattern: Pattern,
    /// The words of the shape, in which those of the holes that are left are missing.
    pub(super) words: Vec<u64>,
    /// Where the words of the holes that are left belong.
    pub(super) places: Vec<usize>,
}

impl Habits {
    /// How lines that begin with this number usually are.
    pub(super) fn usual(&self, first: i64) -> Option<&Usual> {
        let habit = self.0.get(slot(first))?.as_ref()?;
        habit.usual.as_ref().filter(|_| habit.first == first)
    }

    /// Takes notice of the numbers of a line that is not as usual.
    pub(super) fn saw(&mut self, first: i64, pattern: &Pattern, numbers: &[i64]) {
        if self.0.is_empty() {
            self.0.resize_with(HABITS, || None);
        }
        let kept = self.0[slot(first)].take().filter(|habit| habit.first == first);
        let mut habit = kept.unwrap_or_else(|| Habit {
            first,
            lines: 0,
            mistakes: 0,
            numbers: numbers.iter().map(|number| Some(*number)).collect(),
            usual: None,
        });
        for (usual, number) in habit.numbers.iter_mut().zip(numbers) {
            *usual = usual.filter(|usual| usual == number);
        }
        habit.lines += 1;
        habit.mistakes += u32::from(habit.usual.is_some());
        if habit.lines >= LINES {
            habit.usual =
                (habit.mistakes < MISTAKES).then(|| Usual::new(pattern, &habit.numbers)).flatten();
        }
        self.0[slot(first)] = Some(habit);
    }
}

fn slot(first: i64) -> usize {
    usize::try_from(first.unsigned_abs() % HABITS as u64).unwrap_or_default()
}

impl Usual {
    fn new(pattern: &Pattern, numbers: &[Option<i64>]) -> Option<Self> {
        let mut usual = Self { pattern: Pattern::default(), words: Vec::new(), places: Vec::new() };
        let mut literals = &pattern.literals[..];
        let mut numbers = numbers.iter();
        let mut begun = 0;
        for step in &pattern.steps {
            let (literal, rest) = literals.split_at_checked(usize::from(step.literal))?;
            literals = rest;
            usual.pattern.literals.extend_from_slice(literal);
            let number = match step.hole {
                Hole::Int | Hole::AnyInt => *numbers.next()?,
                _ => None,
            };
            let wanted = matches!(step.hole, Hole::Int | Hole::Text | Hole::NoIntText);
            if let Some(number) = number {
                usual.pattern.literals.extend_from_slice(number.to_string().as_bytes());
            } else {
                let literal = u16::try_from(usual.pattern.literals.len() - begun).ok()?;
                begun = usual.pattern.literals.len();
                usual.pattern.steps.push(Step { literal, hole: step.hole });
                if wanted {
                    usual.places.push(usual.words.len());
                }
            }
            if wanted {
                usual.words.push(number.unwrap_or_default() as u64);
            }
        }
        Some(usual)
    }
}
