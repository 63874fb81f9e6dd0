//! Runs: what a run may see of an answer that changes while it goes on.
//!
//! Within one run an answer stays what it was, whatever its TTL says; otherwise the order of messages would decide.
//! Must not know where entries are kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{Cache, seconds};
use crate::batch::lock;
use crate::dns::{Entry, Lookup, Question};

/// When a run began: by the clock, and by the cache's count of runs and answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    pub(super) sequence: u64,
    pub(super) at: u32,
}

impl Beginning {
    /// True when the run may use this answer: it came during the run, or counted still when the run began.
    #[inline]
    pub(super) fn may_use(self, entry: &Entry) -> bool {
        entry.sequence > self.sequence || entry.expires_at > self.at
    }

    /// True when this answer counted when the run began.
    pub(super) fn knew(self, entry: &Entry) -> bool {
        entry.sequence < self.sequence && entry.expires_at > self.at
    }

    /// The version that the run saw first, or would have seen: the last one of before, while it counted; else the first
    /// that came during the run.
    pub(super) fn choose<'a>(self, versions: impl Iterator<Item = &'a Entry>) -> Option<&'a Entry> {
        let (mut last, mut first) = (None::<&Entry>, None::<&Entry>);
        for version in versions {
            let (slot, is_better) = if version.sequence < self.sequence {
                let is_later = last.is_none_or(|last| last.sequence < version.sequence);
                (&mut last, is_later)
            } else {
                let is_earlier = first.is_none_or(|first| first.sequence > version.sequence);
                (&mut first, is_earlier)
            };
            if is_better {
                *slot = Some(version);
            }
        }
        last.filter(|last| last.expires_at > self.at).or(first)
    }
}

/// One batch, or one message verified alone: answers that arrive after its start stay valid until it is dropped.
pub struct Run {
    cache: Arc<Cache>,
    pub(super) beginning: Beginning,
}

impl Run {
    pub(super) fn begin(cache: &Arc<Cache>) -> Self {
        let at = seconds(cache.now());
        let beginning = cache.runs.begin(at, || cache.count());
        Self {
            cache: Arc::clone(cache),
            beginning,
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let was_oldest = self.cache.runs.end(self.beginning);
        self.cache.forget_versions(was_oldest);
    }
}

/// The runs that go on.
#[derive(Default)]
pub(super) struct Runs(Mutex<BTreeMap<u64, u32>>);

impl Runs {
    fn begin(&self, at: u32, count: impl FnOnce() -> u64) -> Beginning {
        let mut runs = lock(&self.0);
        let sequence = count();
        runs.insert(sequence, at);
        Beginning { sequence, at }
    }

    /// True when no older run goes on.
    fn end(&self, run: Beginning) -> bool {
        let mut runs = lock(&self.0);
        let oldest = runs.keys().next().copied();
        runs.remove(&run.sequence);
        oldest == Some(run.sequence)
    }

    /// True when one of them may use this answer.
    pub(super) fn may_use(&self, entry: &Entry) -> bool {
        let may_use = |(sequence, at): (&u64, &u32)| {
            let (sequence, at) = (*sequence, *at);
            Beginning { sequence, at }.may_use(entry)
        };
        lock(&self.0).iter().any(may_use)
    }

    /// All of them, the oldest first.
    pub(super) fn beginnings(&self) -> Vec<Beginning> {
        let beginning = |(sequence, at): (&u64, &u32)| Beginning {
            sequence: *sequence,
            at: *at,
        };
        lock(&self.0).iter().map(beginning).collect()
    }
}

/// A cache as one run sees it.
pub(crate) struct RunView<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) run: &'a Run,
    /// Answers that this message waited for: kept with it, so that eviction cannot make it wait again.
    pub(crate) pinned: &'a [(Question, Entry)],
}

impl Lookup for RunView<'_> {
    fn look_up(&self, question: &Question) -> Option<Entry> {
        let pinned = self.pinned.iter().find(|(pinned, _)| pinned == question);
        pinned
            .map(|(_, entry)| entry.clone())
            .or_else(|| self.cache.get(self.run, question))
    }
}
