//! The shared cache: answers with their parsed records beside them, bounded by octets, one question in flight a name.
//!
//! Core has no clock: the caller gives one. Within one [`Run`] an answer stays what it was, whatever its TTL says;
//! otherwise the order of messages would decide.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use quick_cache::Weighter;

use super::{Answer, Lookup, Observation, Outcome, Question, Standing};
use crate::reason::LimitWord;
use crate::{dkim, dmarc, spf};

/// Longest time in seconds that a positive answer is kept (RFC 8767 §4 caps at a week; a day is unbound's ceiling).
const POSITIVE_TTL_CEILING: u32 = 86_400;
/// Longest time in seconds that a negative answer is kept (RFC 2308 §5: one to three hours).
const NEGATIVE_TTL_CEILING: u32 = 3_600;
/// Seconds that a failure is kept (RFC 2308 §7.1: at most five minutes).
const FAILURE_TTL: u32 = 5;
/// Octets an entry costs beyond its name and data: keys, locks and bookkeeping.
const ENTRY_OVERHEAD: u64 = 160;
/// Parsed records are charged as this many times the answer's octets.
const PARSED_FACTOR: u64 = 3;

/// An answer and the records parsed from it at first use.
pub struct Entry {
    answer: Answer,
    expires_at: i64,
    sequence: u64,
    /// How the answer stands to the time that was asked about (DNS stores).
    pub(crate) standing: Standing,
    /// A DNS store gave it.
    pub(crate) is_stored: bool,
    /// The rows whose records make up the answer, in their order, when there are several (DNS stores).
    offers: Box<[Arc<Observation>]>,
    /// The SPF record among the texts.
    pub(crate) spf: OnceLock<spf::RecordSelection>,
    /// The DKIM keys among the texts, ready to verify with.
    pub(crate) keys: OnceLock<dkim::KeyRecords>,
    /// The DMARC policy records among the texts.
    pub(crate) dmarc: OnceLock<dmarc::PolicyRecords>,
}

impl Entry {
    /// An entry that is not kept in a cache.
    pub fn new(answer: Answer) -> Self {
        Self {
            answer,
            expires_at: 0,
            sequence: 0,
            standing: Standing::Observed,
            is_stored: false,
            offers: Box::default(),
            spf: OnceLock::new(),
            keys: OnceLock::new(),
            dmarc: OnceLock::new(),
        }
    }

    /// What a history gives for a time.
    pub(super) fn of_history(
        answer: Answer,
        standing: Standing,
        offers: Box<[Arc<Observation>]>,
    ) -> Self {
        Self {
            standing,
            is_stored: true,
            offers,
            ..Self::new(answer)
        }
    }

    /// The answer that the text record at this place comes from.
    pub(crate) fn origin(&self, place: Option<usize>) -> &Answer {
        let Some(mut place) = place else {
            return &self.answer;
        };
        for offer in &self.offers {
            let count = offer.answer.txt().len();
            if place < count {
                return &offer.answer;
            }
            place -= count;
        }
        &self.answer
    }

    /// A word for the verdict's `limits` on how sure the answer is.
    pub(crate) const fn qualification(&self) -> Option<LimitWord> {
        self.standing.qualification()
    }
}

impl Deref for Entry {
    type Target = Answer;

    fn deref(&self) -> &Answer {
        &self.answer
    }
}

#[derive(Clone)]
struct OctetWeighter;

impl Weighter<Question, Arc<Entry>> for OctetWeighter {
    fn weight(&self, question: &Question, entry: &Arc<Entry>) -> u64 {
        let history = entry.history.as_ref().map_or(0, |history| history.octets());
        let data = entry.data.octets() + history;
        ENTRY_OVERHEAD + to_u64(question.name.as_str().len()) + to_u64(data) * PARSED_FACTOR
    }
}

fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Called with the answer that was waited for.
pub type Waiter = Box<dyn FnOnce(Arc<Entry>) + Send>;

/// What [`Cache::claim`] found.
pub enum Claim {
    /// The answer is already here; the waiter was not kept.
    Ready(Arc<Entry>),
    /// Nobody is asking: the caller must ask; the waiter will be called.
    Ask,
    /// Somebody is asking; the waiter will be called.
    Wait,
}

/// One batch: answers that arrive after its start stay valid until its end.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    started_at: i64,
    sequence: u64,
}

/// Answers by question, shared by all threads and runs of a verifier.
pub struct Cache {
    entries: quick_cache::sync::Cache<Question, Arc<Entry>, OctetWeighter>,
    waiters: Mutex<HashMap<Question, Vec<Waiter>>>,
    sequence: AtomicU64,
    clock: fn() -> i64,
}

impl Cache {
    /// A cache of about `octets` octets; `clock` gives Unix seconds.
    pub fn new(octets: u64, clock: fn() -> i64) -> Self {
        let estimated_items = usize::try_from(octets / 512)
            .unwrap_or(usize::MAX)
            .clamp(64, 1 << 20);
        Self {
            entries: quick_cache::sync::Cache::with_weighter(
                estimated_items,
                octets,
                OctetWeighter,
            ),
            waiters: Mutex::default(),
            sequence: AtomicU64::new(1),
            clock,
        }
    }

    /// Begins a run: what has expired by now is asked again, what arrives later is pinned.
    pub fn begin_run(&self) -> Run {
        Run {
            started_at: (self.clock)(),
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed) + 1,
        }
    }

    /// The entry that this run may use.
    pub fn get(&self, run: Run, question: &Question) -> Option<Arc<Entry>> {
        let entry = self.entries.get(question)?;
        let is_usable = entry.sequence >= run.sequence || entry.expires_at > run.started_at;
        is_usable.then_some(entry)
    }

    /// Takes part in the single flight of a question.
    pub fn claim(&self, run: Run, question: &Question, waiter: Waiter) -> Claim {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = self.get(run, question) {
            return Claim::Ready(entry);
        }
        if let Some(others) = waiters.get_mut(question) {
            others.push(waiter);
            return Claim::Wait;
        }
        waiters.insert(question.clone(), vec![waiter]);
        Claim::Ask
    }

    /// Stores an answer and wakes everyone who waits for it.
    pub fn deliver(&self, question: &Question, answer: Answer) {
        let stored_at = (self.clock)();
        let entry = Arc::new(Entry {
            expires_at: stored_at.saturating_add(i64::from(lifetime(&answer))),
            sequence: self.sequence.load(Ordering::Relaxed),
            ..Entry::new(answer)
        });
        let woken = {
            let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
            self.entries.insert(question.clone(), Arc::clone(&entry));
            waiters.remove(question).unwrap_or_default()
        };
        for waiter in woken {
            waiter(Arc::clone(&entry));
        }
    }

    /// Entries held now.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Seconds that an answer is kept beyond the run that asked.
fn lifetime(answer: &Answer) -> u32 {
    match (answer.outcome, answer.ttl) {
        (Outcome::Unknown | Outcome::OverBudget, _) | (Outcome::Found, None) => 0,
        (Outcome::Found, Some(ttl)) => ttl.min(POSITIVE_TTL_CEILING),
        // RFC 2308 §5: a negative answer without SOA is kept as briefly as a failure.
        (Outcome::NxDomain | Outcome::NoData, ttl) => {
            ttl.map_or(FAILURE_TTL, |ttl| ttl.min(NEGATIVE_TTL_CEILING))
        }
        _ => FAILURE_TTL,
    }
}

/// A cache as one run sees it.
pub(crate) struct RunView<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) run: Run,
    /// Answers that this message waited for: kept with it, so that eviction cannot make it wait again.
    pub(crate) pinned: &'a [(Question, Arc<Entry>)],
}

impl Lookup for RunView<'_> {
    fn look_up(&self, question: &Question) -> Option<Arc<Entry>> {
        let pinned = self.pinned.iter().find(|(pinned, _)| pinned == question);
        pinned
            .map(|(_, entry)| Arc::clone(entry))
            .or_else(|| self.cache.get(self.run, question))
    }
}

#[cfg(test)]
mod tests;
