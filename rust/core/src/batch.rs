//! Many messages to verdicts: in rounds of questions, on all cores, in input order, in bounded memory.
//!
//! A message whose answers are missing steps aside and others go on; an answer wakes whoever waits for it. On request
//! messages with a temperror are held back and judged again. Knows threads and order; must not know what a check is.

mod account;
mod again;
mod asking;
mod state;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use account::{Account, Again, Figures, Tally};
pub use again::TempErrors;
use again::{Bounds, SecondAnswers};
use state::{Held, Job, State};

use crate::dkim::{hash_work, proofs};
use crate::dns::{Entry, Question, Run, RunView};
use crate::engine::Engine;
use crate::evaluate::{Examination, Input, Now};
use crate::verdict::Row;

/// Octets of messages being examined or waiting for DNS; one larger message is still let in alone.
const OCTETS_IN_FLIGHT: u64 = 128 << 20;
/// Rows between the oldest unfinished message and the newest read: bounds what keeping the order can hold back.
const ROWS_IN_FLIGHT: usize = 16_384;
/// Finished rows that wait to be taken: when whoever takes them is slow, reading waits, and memory stays flat.
const ROWS_WAITING: usize = 4_096;
/// Messages that a worker takes at once: what is hashed and verified in lanes fills them nearly always then.
pub(crate) const CHUNK_MESSAGES: usize = 96;
/// Octets that a worker takes at once.
const CHUNK_OCTETS: u64 = 1536 << 10;
/// Messages that a worker takes at least while there are as many: smaller chunks leave lanes empty.
const CHUNK_MINIMUM: usize = 16;

/// A fault of ours: a worker panicked. Carries what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineFault(pub String);

impl EngineFault {
    /// What a caught panic said.
    pub fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Self(text.unwrap_or("unknown fault").to_owned())
    }
}

/// A run in progress; dropping it stops the run.
pub struct Batch {
    shared: Arc<Shared>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// What [`Batch::next_rows`] found.
pub enum Rows {
    /// The next rows in input order; fewer than asked for only at the end, empty when all have been taken.
    Ready(Vec<Row>),
    /// Nothing yet: call again.
    NotYet,
}

impl Batch {
    pub(crate) fn start(
        engine: &Arc<Engine>,
        source: Box<dyn Iterator<Item = Input> + Send>,
        now: Now,
        workers: usize,
        temperrors: TempErrors,
    ) -> Self {
        let bounds = (temperrors == TempErrors::AskAgain).then(Bounds::default);
        Self::bounded(engine, source, now, workers, bounds)
    }

    fn bounded(
        engine: &Arc<Engine>,
        source: Box<dyn Iterator<Item = Input> + Send>,
        now: Now,
        workers: usize,
        bounds: Option<Bounds>,
    ) -> Self {
        let workers = workers.max(1);
        let shared = Arc::new(Shared {
            engine: Arc::clone(engine),
            workers,
            run: engine.cache.begin_run(),
            now,
            source: Mutex::new(source),
            state: Mutex::new(State {
                bounds,
                ..State::default()
            }),
            account: Arc::default(),
            second: SecondAnswers::default(),
            work: Condvar::new(),
            rows: Condvar::new(),
        });
        let spawn = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.work())
        };
        let threads = (0..workers).map(spawn).collect();
        Self { shared, threads }
    }

    /// The next `count` rows, or those that are left; waits at most `patience`.
    ///
    /// # Errors
    /// [`EngineFault`] when a worker panicked.
    pub fn next_rows(&self, count: usize, patience: Duration) -> Result<Rows, EngineFault> {
        let count = count.clamp(1, ROWS_WAITING);
        let mut state = self.shared.lock();
        if !state.is_served(count) {
            let waited = self.shared.rows.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(fault) = state.fault.clone() {
            return Err(EngineFault(fault));
        }
        if !state.is_served(count) {
            drop(state);
            self.shared.engine.cache.relieve();
            return Ok(Rows::NotYet);
        }
        let rows = state.take_rows(count);
        drop(state);
        self.shared.work.notify_all();
        Ok(Rows::Ready(rows))
    }

    /// Messages waiting for DNS now.
    pub fn waiting(&self) -> usize {
        self.shared.lock().parked.len()
    }

    /// What the run asks; stays when the batch is gone.
    pub fn account(&self) -> Arc<Account> {
        Arc::clone(&self.shared.account)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.shared.lock().is_cancelled = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A worker's panic was caught and is reported by next_rows.
            let _ = thread.join();
        }
    }
}

struct Shared {
    engine: Arc<Engine>,
    workers: usize,
    run: Run,
    now: Now,
    source: Mutex<Box<dyn Iterator<Item = Input> + Send>>,
    state: Mutex<State>,
    /// Workers wait here for something to do.
    work: Condvar,
    /// The consumer waits here for rows.
    rows: Condvar,
    account: Arc<Account>,
    /// What was asked again.
    second: SecondAnswers,
}

enum Task {
    Resume(Vec<Job>),
    Read,
    AskAgain(Vec<Held>),
    Stop,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn work(self: &Arc<Self>) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                match self.next_task() {
                    Task::Stop => break,
                    Task::Resume(jobs) => self.examine(jobs),
                    Task::Read => {
                        let jobs = self.read();
                        self.examine(jobs);
                    }
                    Task::AskAgain(held) => self.ask_again(held),
                }
            }
        }));
        if let Err(panic) = outcome {
            let EngineFault(text) = EngineFault::of_panic(&*panic);
            let mut state = self.lock();
            state.fault = Some(text);
            state.is_cancelled = true;
        }
        self.work.notify_all();
        self.rows.notify_all();
    }

    fn next_task(&self) -> Task {
        let mut state = self.lock();
        loop {
            if state.is_cancelled {
                return Task::Stop;
            }
            if !state.ready.is_empty() {
                let count = state.ready.len().min(CHUNK_MESSAGES);
                let rest = state.ready.len() - count;
                return Task::Resume(state.ready.split_off(rest));
            }
            if state.may_read() {
                state.is_reading = true;
                return Task::Read;
            }
            if state.is_complete() {
                return Task::Stop;
            }
            if state.is_time_to_ask_again() {
                return Task::AskAgain(state.take_held());
            }
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the next messages from the source and gives them their places.
    fn read(&self) -> Vec<Job> {
        let (mut inputs, mut octets, mut is_done) = (Vec::with_capacity(CHUNK_MESSAGES), 0, false);
        {
            let mut source = lock(&self.source);
            let count = self.chunk(source.size_hint().1);
            while inputs.len() < count && octets < CHUNK_OCTETS {
                let Some(input) = source.next() else {
                    is_done = true;
                    break;
                };
                octets += input.size;
                inputs.push(input);
            }
        }
        let mut state = self.lock();
        let first = state.add_rows(inputs.len());
        state.octets += octets;
        state.is_reading = false;
        state.is_source_done = is_done;
        drop(state);
        self.work.notify_all();
        let mut jobs = Vec::with_capacity(inputs.len());
        let mut inputs = inputs.into_iter();
        for index in first.. {
            let Some(input) = inputs.next() else {
                break;
            };
            if let Some(next) = inputs.as_slice().first() {
                next.expect();
            }
            let octets = input.size;
            match Examination::begin(input, self.now, self.engine.policy()) {
                Ok(examination) => jobs.push(Job {
                    index,
                    octets,
                    examination,
                    pinned: Vec::new(),
                    is_second: false,
                }),
                Err(row) => self.finish(vec![(index, octets, row)]),
            }
        }
        jobs
    }

    /// Messages that a worker takes next of those that are left: near the end less, so that all workers end together; one
    /// that is alone takes all.
    fn chunk(&self, left: Option<usize>) -> usize {
        let share = left.map_or(CHUNK_MESSAGES, |left| left.div_ceil(2 * self.workers - 1));
        share.clamp(CHUNK_MINIMUM, CHUNK_MESSAGES)
    }

    fn examine(self: &Arc<Self>, mut jobs: Vec<Job>) {
        self.hash_together(&mut jobs);
        self.verify_together(&mut jobs);
        let mut rows = Vec::with_capacity(jobs.len());
        let (mut waiting, mut types) = (Vec::new(), Vec::new());
        for mut job in jobs {
            match self.evaluate(&mut job) {
                Err(missing) => waiting.push((job, missing)),
                Ok(row) => {
                    if let Some((job, row)) = self.reconsider(job, row) {
                        types.extend_from_slice(job.examination.asked_types());
                        rows.push((job.index, job.octets, row));
                    }
                }
            }
        }
        self.account.note_questions(types);
        self.finish(rows);
        self.park(waiting);
        self.engine.ask(self.engine.cache.take_due());
    }

    /// Makes the hashes of several messages in turn, which is faster than one message after the other.
    fn hash_together(&self, jobs: &mut [Job]) {
        if !hash_work::is_worthwhile() {
            return;
        }
        for job in &mut *jobs {
            let view = self.view(&job.pinned);
            job.examination.prepare(&view, &self.engine.policy);
        }
        let examinations = jobs.iter_mut().map(|job| &mut job.examination);
        hash_work::compute(examinations.flat_map(Examination::hash_work).collect());
    }

    /// Makes the public-key operations of several messages at once, after their hashes.
    fn verify_together(&self, jobs: &mut [Job]) {
        if !proofs::is_worthwhile() {
            return;
        }
        for job in &mut *jobs {
            let view = self.view(&job.pinned);
            job.examination.prepare_proofs(&view, &self.engine.policy);
        }
        let examinations = jobs.iter_mut().map(|job| &mut job.examination);
        proofs::compute(examinations.flat_map(Examination::open_proofs).collect());
    }

    fn view<'a>(&'a self, pinned: &'a [(Question, Entry)]) -> RunView<'a> {
        RunView {
            cache: &self.engine.cache,
            run: &self.run,
            pinned,
        }
    }

    fn finish(&self, rows: Vec<(u64, u64, Row)>) {
        if rows.is_empty() {
            return;
        }
        let mut state = self.lock();
        for (index, octets, row) in rows {
            state.finish(index, octets, row);
        }
        drop(state);
        self.rows.notify_all();
        self.work.notify_all();
    }
}

/// Takes a lock also after a panic: what it guards is consistent between statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
