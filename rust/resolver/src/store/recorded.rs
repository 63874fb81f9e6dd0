//! Answers from a store and nowhere else: what the store does not know is unknown, not absent.
//!
//! Knows which of several rows is used; must not know the file's form.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use mailauth_core::dns::{Answer, Deliver, Outcome, Question, Resolver};

use super::problem::StoreError;
use super::reader::StoreReader;

/// Answers from a DNS store, held in memory.
#[derive(Debug)]
pub struct RecordedResolver {
    answers: HashMap<Question, Answer>,
    problems: Vec<String>,
}

impl RecordedResolver {
    /// Reads a store.
    ///
    /// # Errors
    /// The file cannot be read, is no store, or one of the future.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut reader = StoreReader::open(path)?;
        let mut answers: HashMap<Question, Answer> = HashMap::new();
        let mut source: Arc<str> = Arc::from("");
        while let Some(rows) = reader.next_rows()? {
            for (question, mut answer) in rows.into_iter().filter_map(|stored| stored.answer) {
                // Neighbours mostly share their source: one text for all of them.
                if *source == *answer.source {
                    answer.source = Arc::clone(&source);
                } else {
                    source = Arc::clone(&answer.source);
                }
                let is_used = answers
                    .get(&question)
                    .is_none_or(|known| supersedes(&answer, known));
                if is_used {
                    answers.insert(question, answer);
                }
            }
        }
        Ok(Self {
            answers,
            problems: reader.problems(),
        })
    }

    /// What was wrong with the store, one sentence each; the rest of it is used.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The store's answer.
    pub fn answer(&self, question: &Question) -> Answer {
        self.answers
            .get(question)
            .cloned()
            .unwrap_or_else(|| Answer::empty(Outcome::Unknown))
    }
}

/// Which of two rows of one question is used. This is the place for rules that look at the time of receipt.
///
/// The newest observation wins, a row without a time loses; of the same second an answer wins over a fault, which the
/// retry cured, then whatever was written later.
fn supersedes(answer: &Answer, known: &Answer) -> bool {
    let rank = |answer: &Answer| (answer.last_seen, !answer.outcome.is_fault());
    rank(answer) >= rank(known)
}

impl Resolver for RecordedResolver {
    fn ask(&self, questions: Vec<Question>, deliver: Deliver) {
        for question in &questions {
            deliver(question, self.answer(question));
        }
    }
}
