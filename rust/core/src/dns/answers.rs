//! The answers one evaluation may see, and the questions it still misses.
//!
//! Counts every question that the evaluation asks, in order, against the message's budget.

use std::cell::RefCell;

use super::{Answer, Entry, Outcome, Question, RecordType};
use crate::domain::Domain;
use crate::policy::QUESTION_LIMIT;
use crate::reason::LimitWord;

/// A needed answer is not known yet: ask [`Answers::missing`], then evaluate again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending;

/// A source of answers that are already known.
pub trait Lookup {
    /// The entry for this question, or `None` when it has to be asked.
    fn look_up(&self, question: &Question) -> Option<Entry>;
}

/// What one evaluation of one message sees of DNS.
pub struct Answers<'a> {
    lookup: &'a dyn Lookup,
    asked: RefCell<Vec<Question>>,
    missing: RefCell<Vec<Question>>,
    qualifications: RefCell<Vec<LimitWord>>,
}

impl<'a> Answers<'a> {
    /// A fresh view: nothing asked yet.
    pub fn new(lookup: &'a dyn Lookup) -> Self {
        Self {
            lookup,
            asked: RefCell::default(),
            missing: RefCell::default(),
            qualifications: RefCell::default(),
        }
    }

    /// The answer to a question of the message, counted once however often it is asked.
    ///
    /// Beyond [`QUESTION_LIMIT`] distinct questions the answer is [`Outcome::OverBudget`].
    ///
    /// # Errors
    /// [`Pending`] when the answer is not known yet.
    pub fn ask(&self, name: &Domain, record_type: RecordType) -> Result<Entry, Pending> {
        let question = Question {
            name: name.clone(),
            record_type,
        };
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&question) {
            if asked.len() >= QUESTION_LIMIT {
                return Ok(Entry::new(&Answer::empty(Outcome::OverBudget)));
            }
            asked.push(question.clone());
        }
        let entry = self.lookup.look_up(&question).ok_or_else(|| {
            self.want(question);
            Pending
        })?;
        if let Some(word) = entry.qualification() {
            self.qualifications.borrow_mut().push(word);
        }
        Ok(entry)
    }

    /// Words for the verdict's `limits` on how sure the answers are that were used; a word may come twice.
    pub fn qualifications(&self) -> Vec<LimitWord> {
        self.qualifications.borrow().clone()
    }

    /// Asks ahead for something a later round will probably need: neither counted nor required.
    pub fn expect(&self, name: &Domain, record_type: RecordType) {
        let question = Question {
            name: name.clone(),
            record_type,
        };
        if self.lookup.look_up(&question).is_none() {
            self.want(question);
        }
    }

    fn want(&self, question: Question) {
        let mut missing = self.missing.borrow_mut();
        if !missing.contains(&question) && missing.len() < QUESTION_LIMIT {
            missing.push(question);
        }
    }

    /// The TXT answer of `name`.
    ///
    /// # Errors
    /// [`Pending`] when the answer is not known yet.
    pub fn txt(&self, name: &Domain) -> Result<Entry, Pending> {
        self.ask(name, RecordType::Txt)
    }

    /// Distinct questions asked so far, in order, without those asked ahead.
    pub fn asked(&self) -> Vec<Question> {
        self.asked.borrow().clone()
    }

    /// The types of the distinct questions asked so far, without those asked ahead.
    pub fn asked_types(&self) -> Vec<RecordType> {
        let asked = self.asked.borrow();
        asked.iter().map(|question| question.record_type).collect()
    }

    /// Number of distinct questions asked so far.
    pub fn asked_count(&self) -> usize {
        self.asked.borrow().len()
    }

    /// The questions whose answers are not known yet, in order.
    pub fn missing(&self) -> Vec<Question> {
        self.missing.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::StaticZone;

    fn outcome_of_question(number: usize) -> Outcome {
        let zone = StaticZone::new("test");
        let answers = Answers::new(&zone);
        let name = |index: usize| Domain::parse_ascii(&format!("n{index}.example")).unwrap();
        let ask = |index| answers.txt(&name(index)).map(|entry| entry.outcome);
        (1..number).for_each(|index| assert_eq!(ask(index), Ok(Outcome::NxDomain)));
        assert_eq!(
            answers.txt(&name(1)).map(|entry| entry.outcome),
            Ok(Outcome::NxDomain)
        );
        ask(number).unwrap()
    }

    #[test]
    fn the_question_limit_at_n_minus_1_n_and_n_plus_1() {
        assert_eq!(outcome_of_question(QUESTION_LIMIT - 1), Outcome::NxDomain);
        assert_eq!(outcome_of_question(QUESTION_LIMIT), Outcome::NxDomain);
        assert_eq!(outcome_of_question(QUESTION_LIMIT + 1), Outcome::OverBudget);
    }
}
