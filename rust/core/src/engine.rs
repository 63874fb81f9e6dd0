//! What every run of a verifier shares, and the loop for whatever is not a message of a batch.
//!
//! Evaluate, ask for what is missing, evaluate again: no async, nothing to misuse.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::batch::{Batch, TempErrors, lock};
use crate::dns::{Answer, Cache, Claim, Deliver, Entry, Lookup, Question, Resolver, Run, RunView};
use crate::evaluate::{Examination, Input, Now};
use crate::policy::Policy;
use crate::verdict::Row;

/// How often whoever waits looks whether a stale answer will do.
const RELIEF_INTERVAL: Duration = Duration::from_millis(100);

/// What every run of a verifier shares.
pub struct Engine {
    resolver: Arc<dyn Resolver>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) policy: Arc<Policy>,
}

impl Engine {
    /// An engine that asks `resolver` and remembers in `cache`.
    pub fn new(resolver: Arc<dyn Resolver>, cache: Arc<Cache>, policy: Arc<Policy>) -> Self {
        Self {
            resolver,
            cache,
            policy,
        }
    }

    /// Its policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Verifies one message on this thread.
    pub fn verify(&self, input: Input, now: Now) -> Row {
        match Examination::begin(input, now, &self.policy) {
            Err(row) => row,
            Ok(mut examination) => self.resolve(|view| examination.evaluate(view, &self.policy)),
        }
    }

    /// Evaluates until no question is missing, asking in between; for whatever is not a message of a batch.
    pub fn resolve<T>(
        &self,
        mut evaluate: impl FnMut(&dyn Lookup) -> Result<T, Vec<Question>>,
    ) -> T {
        let run = self.cache.begin_run();
        let mut pinned = Vec::new();
        loop {
            match evaluate(&RunView {
                cache: &self.cache,
                run: &run,
                pinned: &pinned,
            }) {
                Ok(value) => {
                    self.ask(self.cache.take_due());
                    return value;
                }
                Err(missing) => pinned.extend(self.ask_and_wait(&run, missing)),
            }
        }
    }

    fn ask_and_wait(&self, run: &Run, missing: Vec<Question>) -> Vec<(Question, Entry)> {
        let count = missing.len();
        let arrived = Arc::new((Mutex::new(Vec::with_capacity(count)), Condvar::new()));
        let arrive = |arrived: &Arc<(Mutex<Vec<_>>, Condvar)>, question: Question, entry: Entry| {
            lock(&arrived.0).push((question, entry));
            arrived.1.notify_one();
        };
        let mut to_ask = Vec::new();
        for question in missing {
            let (waiting, own) = (Arc::clone(&arrived), question.clone());
            match self.cache.claim(
                run,
                &question,
                Box::new(move |entry| arrive(&waiting, own, entry)),
            ) {
                Claim::Ready(entry) => arrive(&arrived, question, entry),
                Claim::Ask => to_ask.push(question),
                Claim::Wait => {}
            }
        }
        self.ask(to_ask);
        loop {
            let done = lock(&arrived.0);
            let waited = arrived
                .1
                .wait_timeout_while(done, RELIEF_INTERVAL, |done| done.len() < count);
            let (mut done, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if done.len() >= count {
                return std::mem::take(&mut *done);
            }
            drop(done);
            self.cache.relieve();
        }
    }

    pub(crate) fn ask(&self, questions: Vec<Question>) {
        if questions.is_empty() {
            return;
        }
        let cache = Arc::clone(&self.cache);
        self.resolver.ask(
            questions,
            Arc::new(move |question: &Question, answer: Answer| cache.deliver(question, &answer)),
        );
    }

    /// Asks whatever the cache knows; the caller sees to it that nothing is asked twice.
    pub(crate) fn ask_past_cache(&self, questions: Vec<Question>, deliver: Deliver) {
        self.resolver.ask(questions, deliver);
    }

    /// Starts verifying everything that `source` yields, on `workers` threads; take the rows from the batch.
    pub fn start(
        self: &Arc<Self>,
        source: Box<dyn Iterator<Item = Input> + Send>,
        now: Now,
        workers: usize,
        temperrors: TempErrors,
    ) -> Batch {
        Batch::start(self, source, now, workers, temperrors)
    }
}
