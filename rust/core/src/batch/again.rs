//! Asking again for what failed, so that messages with a temperror are judged once more before their rows leave.
//!
//! A question is asked again once a run: as late as the bounds allow, which is the run's end unless too much is held
//! back. Knows which answers were failures; must not know what a message is.

use std::collections::HashMap;
use std::sync::Mutex;

use super::lock;
use crate::dns::{Entry, Lookup, Outcome, Question};

/// Rows from the oldest message held back to the newest read: some 3 KB each, and their order must be kept.
const ROWS_HELD: usize = 32_768;
/// Octets of the messages held back.
const OCTETS_HELD: u64 = 128 << 20;
/// Failed questions of one run that are remembered with their second answer: some 500 octets each. What these answers
/// lead to comes on top.
const QUESTIONS_HELD: usize = 131_072;

/// What becomes of a message with a temperror that asking again could mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TempErrors {
    /// Its row is final.
    Keep,
    /// It is held back, within bounds, and judged again when its questions were asked again.
    AskAgain,
}

/// How much is held back at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) rows: usize,
    pub(super) octets: u64,
    pub(super) questions: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            rows: ROWS_HELD,
            octets: OCTETS_HELD,
            questions: QUESTIONS_HELD,
        }
    }
}

enum Second {
    /// Being asked; these messages wait.
    Asking(Vec<u64>),
    Answered(Entry),
}

/// What [`SecondAnswers::claim`] found.
pub(super) enum SecondClaim {
    Ready(Entry),
    /// The caller must ask.
    Ask,
    Wait,
}

/// The questions that were asked again, with their answers.
#[derive(Default)]
pub(super) struct SecondAnswers(Mutex<HashMap<Question, Second>>);

impl SecondAnswers {
    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }

    fn look_up(&self, question: &Question) -> Option<Entry> {
        match lock(&self.0).get(question) {
            Some(Second::Answered(entry)) => Some(entry.clone()),
            _ => None,
        }
    }

    /// Takes part in the second flight of a question.
    pub(super) fn claim(&self, question: &Question, index: u64) -> SecondClaim {
        let mut known = lock(&self.0);
        match known.get_mut(question) {
            Some(Second::Answered(entry)) => SecondClaim::Ready(entry.clone()),
            Some(Second::Asking(waiting)) => {
                waiting.push(index);
                SecondClaim::Wait
            }
            None => {
                known.insert(question.clone(), Second::Asking(vec![index]));
                SecondClaim::Ask
            }
        }
    }

    /// Keeps an answer; the messages that wait for it.
    pub(super) fn settle(&self, question: &Question, entry: &Entry) -> Vec<u64> {
        let answered = Second::Answered(entry.clone());
        match lock(&self.0).insert(question.clone(), answered) {
            Some(Second::Asking(waiting)) => waiting,
            _ => Vec::new(),
        }
    }
}

/// True for an outcome that may be another one when it is asked for again.
pub(super) const fn is_passing(outcome: Outcome) -> bool {
    outcome.is_fault() && !matches!(outcome, Outcome::Unknown | Outcome::OverBudget)
}

/// The answers of a run in which what failed counts only when it was asked again.
pub(super) struct SecondView<'a> {
    pub(super) first: &'a dyn Lookup,
    pub(super) second: &'a SecondAnswers,
}

impl Lookup for SecondView<'_> {
    fn look_up(&self, question: &Question) -> Option<Entry> {
        self.second.look_up(question).or_else(|| {
            let first = self.first.look_up(question);
            first.filter(|entry| !is_passing(entry.outcome))
        })
    }
}
