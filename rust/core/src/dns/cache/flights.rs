//! Questions that are being asked: each once, however many wait for it, in whatever run.
//!
//! Knows who waits and since when; must not know how long answers are kept.

use std::sync::atomic::Ordering;

use hashbrown::{DefaultHashBuilder, HashMap};

use super::lifetime::STALE_PATIENCE;
use super::{Cache, Run, seconds};
use crate::batch::lock;
use crate::dns::entry::{Draft, Entry};
use crate::dns::{Answer, Question};

/// Called with the answer that was waited for.
pub type Waiter = Box<dyn FnOnce(Entry) + Send>;

/// What [`Cache::claim`] found.
pub enum Claim {
    /// The answer is already here; the waiter was not kept.
    Ready(Entry),
    /// Nobody is asking: the caller must ask; the waiter will be called.
    Ask,
    /// Somebody is asking; the waiter will be called.
    Wait,
}

/// One question that is being asked.
#[derive(Default)]
pub(super) struct Flight {
    /// Unix seconds.
    begun_at: u32,
    waiters: Vec<Waiter>,
}

pub(super) type Flights = HashMap<Question, Flight, DefaultHashBuilder>;

impl Cache {
    /// Takes part in the single flight of a question.
    pub fn claim(&self, run: &Run, question: &Question, waiter: Waiter) -> Claim {
        let mut flights = lock(&self.flights);
        if let Some(entry) = self.get(run, question) {
            return Claim::Ready(entry);
        }
        if let Some(flight) = flights.get_mut(question) {
            self.joined.fetch_add(1, Ordering::Relaxed);
            flight.waiters.push(waiter);
            return Claim::Wait;
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let flight = Flight {
            begun_at: seconds(self.now()),
            waiters: vec![waiter],
        };
        flights.insert(question.clone(), flight);
        Claim::Ask
    }

    /// Stores an answer and wakes everyone who waits for it.
    pub fn deliver(&self, question: &Question, answer: &Answer) {
        let draft = Draft::new(Some(question), answer, self.origin(answer));
        let (hash, shard) = self.place(question.name.as_str().as_bytes());
        let Some(shard) = shard else { return };
        let (entry, waiters) = {
            // The answer's number is given with this lock: a run that began before, and waits, sees it as its own.
            let mut flights = lock(&self.flights);
            let entry = self.settle(&mut lock(shard), hash, question, draft);
            let flight = flights.remove(question).unwrap_or_default();
            (entry, flight.waiters)
        };
        for waiter in waiters {
            waiter(entry.clone());
        }
    }

    /// The questions to ask now although their answers count still; the caller asks them, and nobody waits.
    pub fn take_due(&self) -> Vec<Question> {
        if !self.is_due.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.is_due.store(false, Ordering::Relaxed);
        let mut due = std::mem::take(&mut *lock(&self.due));
        let mut flights = lock(&self.flights);
        due.retain(|question| !flights.contains_key(question));
        for question in &due {
            flights.insert(question.clone(), Flight::default());
        }
        self.prefetched
            .fetch_add(super::to_u64(due.len()), Ordering::Relaxed);
        due
    }

    /// Gives stale answers to those who wait long for a new one; the question stays asked (RFC 8767 §5).
    pub fn relieve(&self) {
        if self.settings.serve_stale == 0 {
            return;
        }
        let now = seconds(self.now());
        let mut relieved = Vec::new();
        {
            let mut flights = lock(&self.flights);
            let is_long = |flight: &Flight| now.saturating_sub(flight.begun_at) >= STALE_PATIENCE;
            flights
                .iter_mut()
                .filter(|(_, flight)| !flight.waiters.is_empty() && is_long(flight))
                .for_each(|(question, flight)| {
                    if let Some(entry) = self.serve_stale(question, now) {
                        relieved.push((entry, std::mem::take(&mut flight.waiters)));
                    }
                });
        }
        for (entry, waiters) in relieved {
            for waiter in waiters {
                waiter(entry.clone());
            }
        }
    }

    /// Puts a stale answer in the place of one that has expired.
    fn serve_stale(&self, question: &Question, now: u32) -> Option<Entry> {
        let (hash, shard) = self.place(question.name.as_str().as_bytes());
        let mut shard = lock(shard?);
        let entry = self.stale_version(shard.find(hash, question)?, now)?;
        self.keep(&mut shard, hash, &entry, now);
        Some(entry)
    }
}
