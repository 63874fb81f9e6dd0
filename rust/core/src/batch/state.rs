//! Where every message of a run stands: read, waiting, held back or finished, and what that holds in memory.
//!
//! Knows places and sizes; must not know what a worker does with them.

use std::collections::{HashMap, VecDeque};

use super::again::Bounds;
use super::{OCTETS_IN_FLIGHT, ROWS_IN_FLIGHT, ROWS_WAITING};
use crate::dns::{Entry, Question};
use crate::evaluate::Examination;
use crate::verdict::Row;

/// A message under examination and its place in the order.
pub(super) struct Job {
    pub(super) index: u64,
    pub(super) octets: u64,
    pub(super) examination: Examination,
    pub(super) pinned: Vec<(Question, Entry)>,
    /// What failed counts only when it was asked again.
    pub(super) is_second: bool,
}

/// A message with a temperror, and what is to be asked again for it.
pub(super) struct Held {
    pub(super) job: Job,
    pub(super) row: Row,
    pub(super) missing: Vec<Question>,
}

pub(super) struct Parked {
    pub(super) job: Job,
    pub(super) missing: usize,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) ready: Vec<Job>,
    pub(super) parked: HashMap<u64, Parked>,
    /// Rows from `first_row` on; `None` = not finished.
    pub(super) finished: VecDeque<Option<Row>>,
    pub(super) first_row: u64,
    /// Rows at the front that are finished.
    pub(super) served: usize,
    /// Rows that are not finished.
    pub(super) unfinished: usize,
    pub(super) octets: u64,
    /// How much may be held back; `None` = nothing is.
    pub(super) bounds: Option<Bounds>,
    pub(super) held: Vec<Held>,
    pub(super) held_octets: u64,
    pub(super) held_questions: usize,
    pub(super) is_reading: bool,
    pub(super) is_source_done: bool,
    pub(super) is_cancelled: bool,
    pub(super) fault: Option<String>,
}

impl State {
    pub(super) fn may_read(&self) -> bool {
        !self.is_reading
            && !self.is_source_done
            && !self.is_full()
            && self.served < ROWS_WAITING
            && self.octets < OCTETS_IN_FLIGHT
    }

    /// True when nothing more may be read before older rows have left.
    pub(super) fn is_full(&self) -> bool {
        match self.bounds {
            None => self.finished.len() >= ROWS_IN_FLIGHT,
            Some(bounds) => {
                let unserved = self.finished.len().saturating_sub(self.served);
                unserved >= bounds.rows || self.held_octets >= bounds.octets
            }
        }
    }

    /// True when nothing is left to do but to ask again.
    pub(super) fn is_time_to_ask_again(&self) -> bool {
        !self.held.is_empty()
            && self.unfinished == self.held.len()
            && !self.is_reading
            && (self.is_source_done || self.is_full())
    }

    pub(super) fn take_held(&mut self) -> Vec<Held> {
        self.octets = self.octets.saturating_add(self.held_octets);
        self.held_octets = 0;
        self.held_questions = 0;
        std::mem::take(&mut self.held)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_source_done && self.unfinished == 0
    }

    pub(super) fn is_served(&self, count: usize) -> bool {
        self.fault.is_some() || self.served >= count || self.is_complete()
    }

    pub(super) fn add_rows(&mut self, count: usize) -> u64 {
        let first = self.first_row + u64::try_from(self.finished.len()).unwrap_or_default();
        let places = self.finished.len() + count;
        self.finished.resize_with(places, || None);
        self.unfinished += count;
        first
    }

    pub(super) fn finish(&mut self, index: u64, octets: u64, row: Row) {
        let place = usize::try_from(index - self.first_row).unwrap_or(usize::MAX);
        if let Some(slot) = self.finished.get_mut(place) {
            *slot = Some(row);
        }
        self.unfinished -= 1;
        self.octets = self.octets.saturating_sub(octets);
        while self.finished.get(self.served).is_some_and(Option::is_some) {
            self.served += 1;
        }
    }

    pub(super) fn take_rows(&mut self, count: usize) -> Vec<Row> {
        let count = count.min(self.served);
        self.first_row += u64::try_from(count).unwrap_or_default();
        self.served -= count;
        self.finished.drain(..count).flatten().collect()
    }
}
