//! Asks another resolver and writes down every answer on its way to whoever asked.
//!
//! Knows when a frame is written; must not know how. A failure to write is kept for whoever drives the run: what is
//! in flight is still delivered, nothing more is asked.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailauth_core::dns::{Answer, Deliver, Outcome, Question, Resolver};

use super::problem::StoreError;
use super::row::recorded;
use super::writing::RowWriter;

/// Seconds after which an answer makes a frame of what is waiting.
pub(super) const FRAME_SECONDS: u64 = 5;

/// Gives Unix seconds.
pub type Clock = fn() -> i64;

/// Appends answers to a store; shared by all threads.
pub struct Recorder {
    path: PathBuf,
    clock: Clock,
    problems: Vec<String>,
    state: Mutex<State>,
}

struct State {
    /// `None` after closing, and after a failure.
    store: Option<RowWriter>,
    flushed_at: i64,
    failure: Option<StoreError>,
    is_reported: bool,
}

impl Recorder {
    /// Opens or makes a store; the file stays locked until [`Recorder::close`].
    ///
    /// # Errors
    /// It cannot be written, is no store, or is damaged in its middle.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        let store = RowWriter::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            clock,
            problems: store.problems().to_vec(),
            state: Mutex::new(State {
                store: Some(store),
                flushed_at: clock(),
                failure: None,
                is_reported: false,
            }),
        })
    }

    /// What was wrong with the store when it was opened, one sentence each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Notes an answer; what it returns is what a replay will give.
    pub fn record(&self, question: &Question, answer: Answer) -> Answer {
        let now = (self.clock)();
        let (answer, rows) = recorded(question, answer, now);
        for line in rows.iter().filter_map(|row| serde_json::to_vec(row).ok()) {
            self.lock().add(&line, now);
        }
        answer
    }

    /// Writes what is waiting and makes it survive a loss of power.
    ///
    /// # Errors
    /// It cannot be written, or could not be before.
    pub fn flush(&self) -> Result<(), StoreError> {
        let now = (self.clock)();
        let mut state = self.lock();
        state.write(now, RowWriter::flush);
        state.report()
    }

    /// Writes and syncs what is waiting and lets go of the file; later answers are not noted.
    ///
    /// # Errors
    /// It cannot be written, or could not be before and nobody was told.
    pub fn close(&self) -> Result<(), StoreError> {
        let now = (self.clock)();
        let mut state = self.lock();
        state.write(now, RowWriter::flush);
        state.store = None;
        if state.is_reported {
            Ok(())
        } else {
            state.report()
        }
    }

    /// The failure to write, if there was one.
    ///
    /// # Errors
    /// The failure.
    pub fn check(&self) -> Result<(), StoreError> {
        self.lock().report()
    }

    /// True when questions may be asked; asking a closed recorder is a failure.
    fn is_open(&self) -> bool {
        let mut state = self.lock();
        if state.store.is_none() && state.failure.is_none() {
            state.failure = Some(StoreError::Closed(self.path.clone()));
        }
        state.store.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Whoever wants to know whether it worked calls close.
        drop(self.close());
    }
}

impl State {
    fn add(&mut self, line: &[u8], now: i64) {
        self.try_store(|store| store.add_line(line));
        if self.store.as_ref().is_some_and(RowWriter::is_idle) {
            self.flushed_at = now;
        } else if now.abs_diff(self.flushed_at) >= FRAME_SECONDS {
            self.write(now, RowWriter::write_frame);
        }
    }

    fn write(&mut self, now: i64, how: fn(&mut RowWriter) -> Result<(), StoreError>) {
        self.flushed_at = now;
        self.try_store(how);
    }

    fn try_store(&mut self, work: impl FnOnce(&mut RowWriter) -> Result<(), StoreError>) {
        if let Some(store) = &mut self.store
            && let Err(error) = work(store)
        {
            // What is whole stays; the file is closed, for a gap in it would look like ignorance.
            self.store = None;
            self.failure = Some(error);
        }
    }

    fn report(&mut self) -> Result<(), StoreError> {
        self.is_reported |= self.failure.is_some();
        self.failure.clone().map_or(Ok(()), Err)
    }
}

/// Asks `inner` and records what it answers.
pub struct RecordingResolver {
    inner: Arc<dyn Resolver>,
    recorder: Arc<Recorder>,
}

impl RecordingResolver {
    /// Puts a recorder before a resolver.
    pub fn new(inner: Arc<dyn Resolver>, recorder: Arc<Recorder>) -> Self {
        Self { inner, recorder }
    }
}

impl Resolver for RecordingResolver {
    fn ask(&self, questions: Vec<Question>, deliver: Deliver) {
        if !self.recorder.is_open() {
            // The run ends with the recorder's failure; until then nothing is asked that would be lost.
            for question in &questions {
                deliver(question, Answer::empty(Outcome::Unknown));
            }
            return;
        }
        let recorder = Arc::clone(&self.recorder);
        let record = move |question: &Question, answer| {
            deliver(question, recorder.record(question, answer));
        };
        self.inner.ask(questions, Arc::new(record));
    }
}
