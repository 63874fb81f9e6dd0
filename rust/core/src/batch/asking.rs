//! What happens to a message whose answers are missing, or failed: it steps aside, its questions go out, it goes on.
//!
//! Knows who waits for what; must not know in which order rows leave.

use std::sync::Arc;

use super::Shared;
use super::again::{SecondClaim, SecondView, is_passing};
use super::state::{Held, Job, Parked};
use crate::dns::{Answer, Claim, Entry, Question};
use crate::verdict::{Row, Verdict};

impl Shared {
    pub(super) fn evaluate(&self, job: &mut Job) -> Result<Row, Vec<Question>> {
        let view = self.view(&job.pinned);
        if !job.is_second {
            return job.examination.evaluate(&view, &self.engine.policy);
        }
        let view = SecondView {
            first: &view,
            second: &self.second,
        };
        job.examination.evaluate(&view, &self.engine.policy)
    }

    /// The row that leaves; `None` when the message is held back until its questions were asked again.
    pub(super) fn reconsider(&self, mut job: Job, row: Row) -> Option<(Job, Row)> {
        if job.is_second {
            self.note_second(&row);
            return Some((job, row));
        }
        if self.lock().bounds.is_none() || !row.has_temperror() {
            return Some((job, row));
        }
        job.is_second = true;
        match self.evaluate(&mut job) {
            // All that failed has been asked again for earlier messages.
            Ok(row) => {
                self.note_second(&row);
                Some((job, row))
            }
            Err(missing) => self.hold(Held { job, row, missing }),
        }
    }

    fn note_second(&self, row: &Verdict) {
        self.account.note_again(|again| {
            again.messages += 1;
            again.mended += u64::from(!row.has_temperror());
        });
    }

    /// Holds a message back within the bounds; beyond them its row stays as it is.
    fn hold(&self, mut held: Held) -> Option<(Job, Row)> {
        let known = self.second.len();
        let mut state = self.lock();
        let questions = state.held_questions.saturating_add(held.missing.len());
        let limit = state.bounds.map_or(0, |bounds| bounds.questions);
        if known.saturating_add(questions) > limit {
            drop(state);
            self.account.note_again(|again| again.left += 1);
            return Some((held.job, held.row));
        }
        held.job.examination.detach();
        state.held_questions = questions;
        state.octets = state.octets.saturating_sub(held.job.octets);
        state.held_octets = state.held_octets.saturating_add(held.job.octets);
        state.held.push(held);
        drop(state);
        self.work.notify_all();
        None
    }

    /// Asks again for what failed, each question once a run; whoever was held back waits for it.
    pub(super) fn ask_again(self: &Arc<Self>, held: Vec<Held>) {
        self.park(
            held.into_iter()
                .map(|held| (held.job, held.missing))
                .collect(),
        );
    }

    /// Lets messages step aside until their answers are there, and asks for those that nobody asks for yet.
    pub(super) fn park(self: &Arc<Self>, waiting: Vec<(Job, Vec<Question>)>) {
        if waiting.is_empty() {
            return;
        }
        let indices: Vec<u64> = waiting.iter().map(|(job, _)| job.index).collect();
        let mut wanted = Vec::new();
        {
            let mut state = self.lock();
            for (job, missing) in waiting {
                let (index, is_second) = (job.index, job.is_second);
                let missing_count = missing.len();
                state.parked.insert(
                    index,
                    Parked {
                        job,
                        missing: missing_count,
                    },
                );
                let ranked = missing.into_iter().enumerate();
                wanted.extend(ranked.map(|(rank, question)| (rank, index, is_second, question)));
            }
        }
        // What decides on the author domain comes first in every message, so it leaves first when a window is full.
        wanted.sort_by_key(|(rank, ..)| *rank);
        let (mut to_ask, mut to_ask_again) = (Vec::new(), Vec::new());
        for (_, index, is_second, question) in wanted {
            if is_second {
                match self.second.claim(&question, index) {
                    SecondClaim::Ready(entry) => self.answered(index, question, entry),
                    SecondClaim::Ask => to_ask_again.push(question),
                    SecondClaim::Wait => {}
                }
                continue;
            }
            let (shared, own) = (Arc::clone(self), question.clone());
            let waiter = Box::new(move |entry| shared.answered(index, own, entry));
            match self.engine.cache.claim(&self.run, &question, waiter) {
                Claim::Ready(entry) => self.answered(index, question, entry),
                Claim::Ask => to_ask.push(question),
                Claim::Wait => {}
            }
        }
        self.account.note_sent(&to_ask);
        self.engine.ask(to_ask);
        self.send_again(to_ask_again);
        self.detach(&indices);
    }

    /// Lets messages that wait still hold nothing but themselves.
    fn detach(&self, indices: &[u64]) {
        let mut state = self.lock();
        for index in indices {
            if let Some(parked) = state.parked.get_mut(index) {
                parked.job.examination.detach();
            }
        }
    }

    fn send_again(self: &Arc<Self>, questions: Vec<Question>) {
        if questions.is_empty() {
            return;
        }
        let count = u64::try_from(questions.len()).unwrap_or(u64::MAX);
        self.account.note_again(|again| again.questions += count);
        let shared = Arc::clone(self);
        let deliver = move |question: &Question, answer: Answer| {
            let is_answered = !is_passing(answer.outcome);
            shared
                .account
                .note_again(|again| again.answered += u64::from(is_answered));
            let entry = Entry::new(&answer);
            shared.engine.cache.deliver(question, &answer);
            for index in shared.second.settle(question, &entry) {
                shared.answered(index, question.clone(), entry.clone());
            }
        };
        self.engine.ask_past_cache(questions, Arc::new(deliver));
    }

    fn answered(&self, index: u64, question: Question, entry: Entry) {
        let mut state = self.lock();
        let Some(parked) = state.parked.get_mut(&index) else {
            return;
        };
        parked.job.pinned.push((question, entry));
        parked.missing -= 1;
        if parked.missing > 0 {
            return;
        }
        if let Some(parked) = state.parked.remove(&index) {
            state.ready.push(parked.job);
        }
        drop(state);
        self.work.notify_one();
    }
}
