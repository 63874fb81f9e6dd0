//! Answers from a store and nowhere else: what the store does not know is unknown, not absent.
//!
//! Knows which of several rows is used; must not know the file's form.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use mailauth_core::dns::{
    Answer, Deliver, HISTORY_LIMIT, History, Observation, Outcome, Question, Resolver,
};

use super::presentation;
use super::problem::StoreError;
use super::reader::StoreReader;
use super::zones::Zones;

/// Answers from a DNS store, held in memory.
#[derive(Debug)]
pub struct RecordedResolver {
    rows: HashMap<Question, Vec<Observation>>,
    zones: Zones,
    problems: Vec<String>,
}

impl RecordedResolver {
    /// Reads a store.
    ///
    /// # Errors
    /// The file cannot be read, is no store, or one of the future.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut reader = StoreReader::open(path)?;
        let mut rows: HashMap<Question, Vec<Observation>> = HashMap::new();
        let mut zones = Zones::default();
        let mut source: Arc<str> = Arc::from("");
        while let Some(part) = reader.next_rows()? {
            for stored in part {
                zones.add(&stored.row);
                let Some((question, mut answer)) = stored.answer else {
                    continue;
                };
                // Neighbours mostly share their source: one text for all of them.
                if *source == *answer.source {
                    answer.source = Arc::clone(&source);
                } else {
                    source = Arc::clone(&answer.source);
                }
                // A set has no order; whoever wrote the file may not have sorted it.
                answer.data = presentation::sorted(answer.data).0;
                rows.entry(question).or_default().push(Observation {
                    answer,
                    is_of_run: stored.row.is_of_run,
                    is_single_record: stored.row.is_single_record,
                });
            }
        }
        let mut problems = reader.problems();
        problems.extend(crowded(&rows, path));
        zones.finish();
        Ok(Self {
            rows,
            zones,
            problems,
        })
    }

    /// What was wrong with the store, one sentence each; the rest of it is used.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The store's answer: the newest, with everything that was true at other times beside it.
    pub fn answer(&self, question: &Question) -> Answer {
        let rows_of = |question: &Question| self.rows.get(question).cloned().unwrap_or_default();
        let mut rows = rows_of(question);
        rows.extend(self.zones.denials(question, rows_of));
        if rows.is_empty() {
            return Answer::empty(Outcome::Unknown);
        }
        let newest = rows.iter().map(|row| &row.answer).reduce(|known, answer| {
            if supersedes(answer, known) {
                answer
            } else {
                known
            }
        });
        let newest = newest.cloned();
        Answer {
            history: Some(Arc::new(History::new(question, rows))),
            ..newest.unwrap_or_else(|| Answer::empty(Outcome::Unknown))
        }
    }
}

/// A sentence for the first question that has more rows than are used.
fn crowded(rows: &HashMap<Question, Vec<Observation>>, path: &Path) -> Option<String> {
    let crowded = rows.iter().filter(|(_, rows)| rows.len() > HISTORY_LIMIT);
    let (question, rows) = crowded.min_by(|one, other| one.0.cmp(other.0))?;
    Some(format!(
        "{}: {} rows for {} {}, of which the newest {HISTORY_LIMIT} are used; compact the store",
        path.display(),
        rows.len(),
        question.name,
        question.record_type.as_str(),
    ))
}

/// Which of two rows of one question answers whoever names no time.
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
