//! What a run asked: for each record type the names it asked for and the questions its messages had, and what came of
//! asking again.
//!
//! Knows numbers; must not know who waits for what.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::lock;
use crate::dns::{Question, RecordType};

/// The questions of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Names that the run asked its resolver for, those asked ahead included.
    pub names: u64,
    /// Questions of the messages, each once a message.
    pub questions: u64,
}

/// What came of asking again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// Questions asked again.
    pub questions: u64,
    /// Those of them that found an answer then.
    pub answered: u64,
    /// Messages judged again.
    pub messages: u64,
    /// Those of them that are without a temperror since.
    pub mended: u64,
    /// Messages that kept their temperror unasked, because so much was held back already.
    pub left: u64,
}

/// The figures of a run so far.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Questions by type; a type without any is absent.
    pub types: BTreeMap<RecordType, Tally>,
    /// What came of asking again.
    pub again: Again,
}

/// The figures of a run, while and after it goes on.
#[derive(Debug, Default)]
pub struct Account(Mutex<Figures>);

impl Account {
    /// The figures so far.
    pub fn figures(&self) -> Figures {
        lock(&self.0).clone()
    }

    pub(super) fn note_sent(&self, questions: &[Question]) {
        let mut figures = lock(&self.0);
        for question in questions {
            let tally = figures.types.entry(question.record_type).or_default();
            tally.names = tally.names.saturating_add(1);
        }
    }

    pub(super) fn note_questions(&self, types: impl IntoIterator<Item = RecordType>) {
        let mut figures = lock(&self.0);
        for record_type in types {
            let tally = figures.types.entry(record_type).or_default();
            tally.questions = tally.questions.saturating_add(1);
        }
    }

    pub(super) fn note_again(&self, note: impl FnOnce(&mut Again)) {
        note(&mut lock(&self.0).again);
    }
}
