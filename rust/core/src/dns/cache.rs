//! The shared cache: answers with their parsed records beside them, bounded by octets, one question in flight a name.
//!
//! Core has no clock: the caller gives one. How long an answer counts is told by `lifetime`, what a run sees of it by
//! `runs`, where it is kept by `shard`. RFC 2308 (denials), RFC 8767 (stale answers), RFC 9520 (failures).

mod flights;
mod lifetime;
mod runs;
mod shard;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hashbrown::DefaultHashBuilder;

use super::entry::{Draft, Entry, Origin, Stamps};
use super::parsed::Ledger;
use super::{Answer, Question};
use crate::batch::lock;
pub use flights::{Claim, Waiter};
pub use lifetime::SERVE_STALE_LIMIT;
use lifetime::is_failure;
pub use runs::Run;
pub(crate) use runs::RunView;
use shard::{IS_REFRESHED, STREAK_SHIFT, Shard, hash_name, to_u64};

/// Longest time in seconds that a positive answer is kept (RFC 8767 §4 caps at a week; a day is unbound's ceiling).
const TTL_CEILING: u32 = 86_400;
/// Octets of a shard in a large cache: room for sixteen of the largest answers.
const SHARD_OCTETS: u64 = 4 << 20;
/// Shards at most: more than cores that look something up at the same moment.
const SHARD_LIMIT: u64 = 64;
/// Origins that entries share: servers are few, and what a resolver of others makes up is not kept for ever.
const ORIGIN_LIMIT: usize = 16;
/// Older versions from which on they are looked through, though the oldest run goes on.
const OLDER_MINIMUM: usize = 64;

/// How much a cache keeps, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// Octets of all entries and their parsed records, about.
    pub octets: u64,
    /// Seconds that an answer with a TTL is kept at least.
    pub ttl_floor: u32,
    /// Seconds that an answer is kept at most; one that denies, an hour.
    pub ttl_ceiling: u32,
    /// Seconds beyond its lifetime for which an answer may be used when asking fails; 0 = never.
    pub serve_stale: u32,
    /// An answer that is used in the last tenth of its lifetime is asked again, and nobody waits for it.
    pub is_prefetching: bool,
}

impl CacheSettings {
    /// What is usual, for so many octets.
    pub const fn of_octets(octets: u64) -> Self {
        Self {
            octets,
            ttl_floor: 0,
            ttl_ceiling: TTL_CEILING,
            serve_stale: 0,
            is_prefetching: false,
        }
    }
}

/// What a cache did so far, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounters {
    /// Look-ups that found an answer.
    pub hits: u64,
    /// Questions that had to be asked.
    pub misses: u64,
    /// Questions that somebody else was asking already.
    pub joined: u64,
    /// Stale answers that stood in for a failure or a long wait.
    pub stale: u64,
    /// Questions asked again before the answer's end.
    pub prefetched: u64,
    /// Entries that had to make room, or were too large to be kept.
    pub evictions: u64,
    /// Entries held.
    pub entries: u64,
    /// Older versions held for runs that began before.
    pub older: u64,
    /// Octets of entries and older versions.
    pub octets: u64,
    /// Parsed records held.
    pub parsed_records: u64,
    /// Octets of the parsed records, about.
    pub parsed_octets: u64,
}

/// Answers by question, shared by all threads and runs of those who have it.
pub struct Cache {
    shards: Box<[Mutex<Shard>]>,
    hasher: DefaultHashBuilder,
    settings: CacheSettings,
    clock: fn() -> i64,
    sequence: AtomicU64,
    runs: runs::Runs,
    flights: Mutex<flights::Flights>,
    origins: Mutex<Vec<Arc<Origin>>>,
    ledger: Arc<Ledger>,
    due: Mutex<Vec<Question>>,
    is_due: AtomicBool,
    older: AtomicUsize,
    /// Older versions at which they are looked through.
    older_limit: AtomicUsize,
    misses: AtomicU64,
    joined: AtomicU64,
    stale: AtomicU64,
    prefetched: AtomicU64,
    refused: AtomicU64,
}

/// Unix seconds as they are kept: until 2106.
fn seconds(time: i64) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}

impl Cache {
    /// A cache of about `octets` octets; `clock` gives Unix seconds.
    pub fn new(octets: u64, clock: fn() -> i64) -> Self {
        Self::with_settings(CacheSettings::of_octets(octets), clock)
    }

    /// A cache of these settings; `clock` gives Unix seconds.
    pub fn with_settings(settings: CacheSettings, clock: fn() -> i64) -> Self {
        let shards = (settings.octets / SHARD_OCTETS).clamp(1, SHARD_LIMIT);
        // The largest power of two that is no more: the hash's bits choose.
        let shards = 1_u64 << shards.ilog2();
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            hasher: DefaultHashBuilder::default(),
            settings,
            clock,
            sequence: AtomicU64::new(0),
            runs: runs::Runs::default(),
            flights: Mutex::default(),
            origins: Mutex::default(),
            ledger: Arc::default(),
            due: Mutex::default(),
            is_due: AtomicBool::new(false),
            older: AtomicUsize::new(0),
            older_limit: AtomicUsize::new(OLDER_MINIMUM),
            misses: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            prefetched: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Its settings.
    pub const fn settings(&self) -> &CacheSettings {
        &self.settings
    }

    fn now(&self) -> i64 {
        (self.clock)()
    }

    /// The next number of a run or an answer.
    fn count(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Begins a run: what has expired by now is asked again, what arrives later is pinned.
    pub fn begin_run(self: &Arc<Self>) -> Run {
        Run::begin(self)
    }

    /// Where a name belongs: its hash and its shard.
    #[inline]
    fn place(&self, name: &[u8]) -> (u64, Option<&Mutex<Shard>>) {
        let hash = hash_name(&self.hasher, name);
        // The table uses the lowest and the seven highest bits.
        let bits = usize::try_from((hash >> 40) & 0xffff).unwrap_or_default();
        (hash, self.shards.get(bits & (self.shards.len() - 1)))
    }

    /// The entry that this run may use.
    pub fn get(&self, run: &Run, question: &Question) -> Option<Entry> {
        let (hash, shard) = self.place(question.name.as_str().as_bytes());
        let entry = lock(shard?).look_up(hash, question, run.beginning)?;
        if self.settings.is_prefetching {
            self.note_if_due(run, question, &entry);
        }
        Some(entry)
    }

    fn note_if_due(&self, run: &Run, question: &Question, entry: &Entry) {
        // A denial of the whole name may be the answer to another question.
        if entry.is_of(question)
            && lifetime::is_due(entry, run.beginning.at, &self.settings)
            && entry.marks.fetch_or(IS_REFRESHED, Ordering::Relaxed) & IS_REFRESHED == 0
        {
            lock(&self.due).push(question.clone());
            self.is_due.store(true, Ordering::Release);
        }
    }

    /// Octets that a shard may hold: what the parsed records leave.
    fn shard_limit(&self) -> u64 {
        let parsed = self.ledger.octets.load(Ordering::Relaxed);
        self.settings.octets.saturating_sub(parsed) / to_u64(self.shards.len())
    }

    /// The origin of an answer; those of servers are shared.
    fn origin(&self, answer: &Answer) -> Arc<Origin> {
        let new = |is_shared| {
            Arc::new(Origin {
                is_shared,
                ledger: Some(Arc::clone(&self.ledger)),
                ..Origin::of(answer)
            })
        };
        let is_timeless = answer.first_seen.is_none() && answer.last_seen.is_none();
        if !is_timeless || answer.history.is_some() {
            return new(false);
        }
        let mut origins = lock(&self.origins);
        if let Some(known) = origins.iter().find(|known| known.source == answer.source) {
            return Arc::clone(known);
        }
        let origin = new(origins.len() < ORIGIN_LIMIT);
        if origin.is_shared {
            origins.push(Arc::clone(&origin));
        }
        origin
    }

    /// What is kept and told when this answer came. With the lock of the shard.
    fn settle(&self, shard: &mut Shard, hash: u64, question: &Question, draft: Draft) -> Entry {
        let now = seconds(self.now());
        let (outcome, ttl) = draft.outcome_and_ttl();
        let mut stamps = Stamps {
            sequence: self.count(),
            ..Stamps::default()
        };
        let mut kept_for = lifetime::lifetime(outcome, ttl, &self.settings);
        if is_failure(outcome)
            && let Some(previous) = shard.find(hash, question)
        {
            // RFC 8767 §4: a failure never replaces an answer that counts still.
            if !previous.outcome.is_fault() && previous.expires_at > now {
                return previous.clone();
            }
            if let Some(stale) = self.stale_version(previous, now) {
                self.keep(shard, hash, &stale, now);
                return stale;
            }
            if lifetime::goes_on(previous, now) {
                let streak = previous.marks.load(Ordering::Relaxed) >> STREAK_SHIFT;
                let streak = (streak + 1).min(lifetime::STREAK_LIMIT);
                stamps.marks = streak << STREAK_SHIFT;
                kept_for = lifetime::failure_lifetime(streak);
            }
        }
        stamps.expires_at = now.saturating_add(kept_for);
        let entry = draft.finish(stamps);
        self.keep(shard, hash, &entry, now);
        entry
    }

    /// The same answer as a stale one, where that is allowed.
    fn stale_version(&self, entry: &Entry, now: u32) -> Option<Entry> {
        let (fresh_until, expires_at) = lifetime::staleness(entry, now, &self.settings)?;
        self.stale.fetch_add(1, Ordering::Relaxed);
        let stamps = Stamps {
            sequence: self.count(),
            expires_at,
            marks: 0,
        };
        Some(entry.to_stale(fresh_until, lifetime::STALE_TTL, stamps))
    }

    fn keep(&self, shard: &mut Shard, hash: u64, entry: &Entry, now: u32) {
        let size = shard::octets(entry);
        if !Shard::may_keep(size, self.shard_limit()) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let older = shard.older_len();
        shard.insert(hash, entry, size, &self.runs, &self.hasher);
        shard.make_room(now, || self.shard_limit(), &self.hasher);
        let (more, less) = (
            shard.older_len().saturating_sub(older),
            older.saturating_sub(shard.older_len()),
        );
        self.older.fetch_add(more, Ordering::Relaxed);
        self.older.fetch_sub(less, Ordering::Relaxed);
    }

    /// After a run: lets go of what only it could see. To look through all older versions while the oldest run goes on
    /// is worth it only when they have doubled.
    fn forget_versions(&self, was_oldest: bool) {
        let older = self.older.load(Ordering::Relaxed);
        if older == 0 || !(was_oldest || older >= self.older_limit.load(Ordering::Relaxed)) {
            return;
        }
        let runs = self.runs.beginnings();
        let forget = |shard: &Mutex<Shard>| {
            let mut shard = lock(shard);
            let before = shard.older_len();
            let left = shard.forget_versions(&runs, &self.hasher);
            self.older.fetch_sub(before - left, Ordering::Relaxed);
            left
        };
        let left: usize = self.shards.iter().map(forget).sum();
        self.older_limit
            .store((left * 2).max(OLDER_MINIMUM), Ordering::Relaxed);
    }

    /// What it did so far, and what it holds.
    pub fn counters(&self) -> CacheCounters {
        let mut counters = CacheCounters {
            misses: self.misses.load(Ordering::Relaxed),
            joined: self.joined.load(Ordering::Relaxed),
            stale: self.stale.load(Ordering::Relaxed),
            prefetched: self.prefetched.load(Ordering::Relaxed),
            evictions: self.refused.load(Ordering::Relaxed),
            parsed_records: self.ledger.records.load(Ordering::Relaxed),
            parsed_octets: self.ledger.octets.load(Ordering::Relaxed),
            ..CacheCounters::default()
        };
        for shard in &self.shards {
            let shard = lock(shard);
            counters.hits += shard.hits;
            counters.evictions += shard.evictions;
            counters.entries += to_u64(shard.len());
            counters.older += to_u64(shard.older_len());
            counters.octets += shard.octets;
        }
        counters
    }

    /// Entries held now.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// True when nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
