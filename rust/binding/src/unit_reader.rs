//! Messages of an archive on their way into the engine: which of them this run is for, and where its units end.
//!
//! Every unit is read; only those of the shard are verified. What cannot be read is noted beside the messages.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailauth_archive::{Checkpoint, Cutter, Sources, StoredMessage, Unit};
use mailauth_core::evaluate::Input;
use serde::Serialize;

/// Which part of its inputs a run is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    /// Where it begins: an earlier run has done what lies before.
    pub(crate) start: Checkpoint,
    /// Of each so many units one is verified.
    pub(crate) shards: u64,
    /// Which one, from 0.
    pub(crate) shard: u64,
    /// Messages of the whole run, those of other shards and of earlier runs included.
    pub(crate) limit: u64,
}

/// A unit of this run, or a piece of one, and the problems met up to its last message.
#[derive(Serialize)]
pub(crate) struct FinishedUnit {
    #[serde(flatten)]
    unit: Unit,
    problems: usize,
}

/// What the reader tells the run.
#[derive(Default)]
pub(crate) struct RunNotes(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    units: VecDeque<FinishedUnit>,
    problems: Vec<String>,
    is_cut: bool,
}

impl RunNotes {
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rows of the oldest unit that is read to its end.
    pub(crate) fn unit_rows(&self) -> Option<usize> {
        let notes = self.lock();
        let unit = notes.units.front()?;
        usize::try_from(unit.unit.messages).ok()
    }

    /// Takes the oldest unit that is read to its end.
    pub(crate) fn take_unit(&self) -> Option<FinishedUnit> {
        self.lock().units.pop_front()
    }

    /// What could not be read so far.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.lock().problems.clone()
    }

    /// True when the run ended before its inputs.
    pub(crate) fn is_cut(&self) -> bool {
        self.lock().is_cut
    }
}

/// The messages of a run.
pub(crate) struct UnitReader {
    sources: Sources,
    cutter: Cutter,
    slice: Slice,
    notes: Arc<RunNotes>,
    stop: Arc<AtomicBool>,
    /// Problems met up to the last message.
    problems: usize,
    is_done: bool,
}

impl UnitReader {
    pub(crate) fn new(
        sources: Sources,
        inputs: &[PathBuf],
        slice: Slice,
        notes: Arc<RunNotes>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            sources,
            cutter: Cutter::new(inputs, slice.start),
            slice,
            notes,
            stop,
            problems: 0,
            is_done: false,
        }
    }

    fn is_own(&self, unit: u64) -> bool {
        unit % self.slice.shards == self.slice.shard
    }

    fn note_unit(&self, unit: Option<Unit>) {
        let Some(unit) = unit.filter(|unit| self.is_own(unit.number)) else {
            return;
        };
        let problems = self.problems;
        let mut notes = self.notes.lock();
        notes.units.push_back(FinishedUnit { unit, problems });
    }

    /// Ends the reading; a run that was asked to stop is cut, there may be more.
    fn end(&mut self) {
        self.is_done = true;
        let last = if self.is_stopped() {
            self.notes.lock().is_cut = true;
            self.cutter.cut()
        } else {
            self.cutter.end()
        };
        self.note_unit(last);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Iterator for UnitReader {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        while !self.is_done {
            let is_stopped = self.is_stopped() && !self.sources.is_within_message();
            if is_stopped || self.cutter.place().messages >= self.slice.limit {
                self.end();
                break;
            }
            let is_whole = self.sources.is_within_message();
            let item = self.sources.next();
            if self.is_stopped() && !is_whole {
                // A stream may have been cut by the stop, so what it gave last counts as not read.
                self.end();
                break;
            }
            match item {
                None => self.end(),
                Some(Err(problem)) => self.notes.lock().problems.push(problem.to_string()),
                Some(Ok(message)) => {
                    let ended = self.cutter.add(&message, self.sources.position());
                    self.note_unit(ended);
                    self.problems = self.notes.lock().problems.len();
                    if self.is_own(self.cutter.number()) {
                        return Some(input(message));
                    }
                }
            }
        }
        None
    }
}

/// A stored message as the engine takes it.
pub(crate) fn input(stored: StoredMessage) -> Input {
    Input {
        id: stored.id,
        octets: stored.octets,
        size: stored.size,
        envelope: stored.envelope.unwrap_or_default(),
        is_mbox: stored.is_mbox,
        repairs: stored.notes,
    }
}
