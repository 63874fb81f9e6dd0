//! Messages of an archive on their way into the engine: which of them this run is for, and where its units end.
//!
//! Every unit is read; only those of the shard are verified. What cannot be read is noted beside the messages.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailauth_archive::{Checkpoint, Cutter, Sources, StoredMessage, Unit};
use mailauth_core::envelope::Envelope;
use mailauth_core::evaluate::Input;
use serde::Serialize;

/// The run ends with the unit being read.
pub(crate) const STOP_AT_UNIT: u8 = 1;
/// The run ends with what is in flight.
pub(crate) const STOP_AT_ONCE: u8 = 2;

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

/// A unit of this run that is read to its end, and the problems met up to there.
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
    stop: Arc<AtomicU8>,
    is_done: bool,
}

impl UnitReader {
    pub(crate) fn new(
        sources: Sources,
        inputs: &[PathBuf],
        slice: Slice,
        notes: Arc<RunNotes>,
        stop: Arc<AtomicU8>,
    ) -> Self {
        Self {
            sources,
            cutter: Cutter::new(inputs, slice.start),
            slice,
            notes,
            stop,
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
        let mut notes = self.notes.lock();
        let problems = notes.problems.len();
        notes.units.push_back(FinishedUnit { unit, problems });
    }

    /// Ends the reading; `is_cut` when messages may be left.
    fn end(&mut self, is_cut: bool) {
        self.is_done = true;
        if is_cut {
            self.notes.lock().is_cut = true;
        } else {
            let last = self.cutter.end();
            self.note_unit(last);
        }
    }

    /// Counts a message; false when the run ends before it.
    fn admits(&mut self, message: &StoredMessage) -> bool {
        let ended = self.cutter.add(message, self.sources.position().input);
        let is_border = ended.is_some();
        self.note_unit(ended);
        if is_border && self.stop.load(Ordering::Relaxed) == STOP_AT_UNIT {
            self.end(true);
        }
        !self.is_done
    }
}

impl Iterator for UnitReader {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        while !self.is_done {
            if self.stop.load(Ordering::Relaxed) == STOP_AT_ONCE {
                self.end(true);
            } else if self.cutter.place().messages >= self.slice.limit {
                self.end(false);
            } else {
                match self.sources.next() {
                    None => self.end(false),
                    Some(Err(problem)) => self.notes.lock().problems.push(problem.to_string()),
                    Some(Ok(message)) => {
                        if self.admits(&message) && self.is_own(self.cutter.number()) {
                            return Some(input(message));
                        }
                    }
                }
            }
        }
        None
    }
}

fn input(stored: StoredMessage) -> Input {
    Input {
        id: stored.id,
        octets: stored.octets,
        size: stored.size,
        envelope: Envelope::default(),
        is_mbox: stored.is_mbox,
        repairs: stored.notes,
    }
}
