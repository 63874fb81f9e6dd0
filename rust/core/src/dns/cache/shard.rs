//! One of the parts into which a cache is divided by name: entries by question, what to evict, older versions.
//!
//! A table of handles and a hand that goes round it (second chances by use, CLOCK): no list, no node, so that a million
//! entries cost little beyond themselves, and names asked once do not drive out those asked often.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering;

use hashbrown::hash_table::Entry as Place;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::runs::{Beginning, Runs};
use crate::dns::{Entry, Question};

/// Octets of a place in the table, about: a handle and a tag where 7 of 16 to 7 of 8 places are taken.
const PLACE_OCTETS: usize = 16;
/// No entry larger than this part of a shard is kept: it would drive out too much.
const ENTRY_FRACTION: u64 = 16;
/// Marks: rounds of the hand that an entry survives without use.
pub(super) const CHANCES: u8 = 0b11;
/// Marks: it is being asked again before its end.
pub(super) const IS_REFRESHED: u8 = 0b100;
/// Marks: a run may see an older version.
const HAS_OLDER: u8 = 0b1000;
/// Marks: where the number of failures in a row stands.
pub(super) const STREAK_SHIFT: u8 = 4;
/// Places in a table for which it is worth to become smaller.
const PLACES_TO_SHRINK: usize = 64;

/// Octets of an entry in its shard.
pub(super) fn octets(entry: &Entry) -> u64 {
    to_u64(entry.octets() + PLACE_OCTETS)
}

pub(super) fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The hash by which names find their shard and their place; all types of a name have one.
pub(super) fn hash_name(hasher: &DefaultHashBuilder, name: &[u8]) -> u64 {
    hasher.hash_one(name)
}

/// One part of a cache.
#[derive(Default)]
pub(super) struct Shard {
    entries: HashTable<Entry>,
    /// Replaced entries that a run may still see.
    older: HashTable<Entry>,
    pub(super) octets: u64,
    hand: usize,
    pub(super) hits: u64,
    pub(super) evictions: u64,
}

impl Shard {
    pub(super) fn find(&self, hash: u64, question: &Question) -> Option<&Entry> {
        self.entries.find(hash, |entry| entry.is_of(question))
    }

    /// The answer that a run may use.
    #[inline]
    pub(super) fn look_up(
        &mut self,
        hash: u64,
        question: &Question,
        run: Beginning,
    ) -> Option<Entry> {
        if let Some(entry) = self.entries.find(hash, |entry| entry.is_of(question)) {
            let marks = entry.marks.load(Ordering::Relaxed);
            // The mark may outlive the older versions.
            let is_single = marks & HAS_OLDER == 0 || self.older.is_empty();
            if is_single && run.may_use(entry) {
                if marks & CHANCES != CHANCES {
                    entry
                        .marks
                        .store((marks & !HAS_OLDER) + 1, Ordering::Relaxed);
                }
                self.hits += 1;
                return Some(entry.clone());
            }
        }
        let version = if self.older.is_empty() {
            None
        } else {
            self.look_among_versions(hash, question, run)
        };
        // RFC 2308 §5: what denies a name denies it in every type. Only what was known before the run does so: else the
        // order of messages would decide, where servers contradict themselves.
        let name = question.name.as_str().as_bytes();
        let is_denial =
            |entry: &Entry| entry.denies_name() && run.knew(entry) && entry.name() == name;
        let denial = || self.entries.find(hash, is_denial).cloned();
        let found = version.or_else(denial);
        self.hits += u64::from(found.is_some());
        found
    }

    /// What a run sees of an answer that others have replaced.
    #[cold]
    fn look_among_versions(&self, hash: u64, question: &Question, run: Beginning) -> Option<Entry> {
        let older = self.older.iter_hash(hash);
        let older = older.filter(|entry| entry.is_of(question));
        let current = self.find(hash, question);
        if let Some(current) = current {
            let marks = current.marks.load(Ordering::Relaxed) | CHANCES;
            current.marks.store(marks, Ordering::Relaxed);
        }
        run.choose(current.into_iter().chain(older)).cloned()
    }

    /// Puts an entry in the place of its older version, which is kept aside as long as one of the `runs` sees it.
    /// `size`: its [`octets`].
    pub(super) fn insert(
        &mut self,
        hash: u64,
        entry: &Entry,
        size: u64,
        runs: &Runs,
        hasher: &DefaultHashBuilder,
    ) {
        let rehash = |entry: &Entry| hash_name(hasher, entry.name());
        self.octets += size;
        let old = self.entries.find(hash, |old| old.is_rival_of(entry));
        let is_seen =
            old.is_some_and(|old| runs.may_use(old) && self.is_seen(hash, old, &runs.beginnings()));
        let rival = |old: &Entry| old.is_rival_of(entry);
        match self.entries.entry(hash, rival, rehash) {
            Place::Vacant(place) => {
                place.insert(entry.clone());
            }
            Place::Occupied(mut place) => {
                let old = std::mem::replace(place.get_mut(), entry.clone());
                if is_seen {
                    self.older.insert_unique(hash, old, rehash);
                } else {
                    self.octets = self.octets.saturating_sub(octets(&old));
                }
            }
        }
        if !self.older.is_empty()
            && self
                .older
                .find(hash, |old| old.is_rival_of(entry))
                .is_some()
        {
            entry.marks.fetch_or(HAS_OLDER, Ordering::Relaxed);
        }
    }

    /// True when one of the runs sees this version of its answer.
    fn is_seen(&self, hash: u64, version: &Entry, runs: &[Beginning]) -> bool {
        let versions = self
            .entries
            .iter_hash(hash)
            .chain(self.older.iter_hash(hash));
        let rivals = versions.filter(|entry| entry.is_rival_of(version));
        let mut candidates = runs.iter().filter(|run| run.may_use(version));
        candidates.any(|run| {
            let chosen = run.choose(rivals.clone());
            chosen.is_some_and(|chosen| chosen.sequence == version.sequence)
        })
    }

    /// True when an entry of `size` octets is small enough for a shard of `limit` octets.
    pub(super) const fn may_keep(size: u64, limit: u64) -> bool {
        size <= limit / ENTRY_FRACTION
    }

    /// Evicts until no more than `limit` octets are left: first what has expired, then what was not used since the
    /// hand came by.
    pub(super) fn make_room(
        &mut self,
        now: u32,
        limit: impl Fn() -> u64,
        hasher: &DefaultHashBuilder,
    ) {
        while self.octets > limit() {
            if self.entries.is_empty() {
                // The bound is kept even where a run sees less for it.
                self.older.clear();
                self.octets = 0;
                break;
            }
            self.evict(now);
        }
        let places = self.entries.num_buckets();
        if places > PLACES_TO_SHRINK && self.entries.len() < places / 8 {
            let rehash = |entry: &Entry| hash_name(hasher, entry.name());
            self.entries.shrink_to(self.entries.len() * 2, rehash);
        }
    }

    /// Moves the hand to the next entry that has no chance left, and takes it out.
    fn evict(&mut self, now: u32) {
        // A round takes one chance from each, so that this many are enough.
        let steps = self.entries.num_buckets() * (usize::from(CHANCES) + 2);
        for _ in 0..steps {
            self.hand = (self.hand + 1) % self.entries.num_buckets().max(1);
            let Some(entry) = self.entries.get_bucket(self.hand) else {
                continue;
            };
            let marks = entry.marks.load(Ordering::Relaxed);
            if marks & CHANCES != 0 && entry.expires_at > now {
                entry.marks.store(marks - 1, Ordering::Relaxed);
                continue;
            }
            if let Ok(place) = self.entries.get_bucket_entry(self.hand) {
                let (entry, _) = place.remove();
                self.octets = self.octets.saturating_sub(octets(&entry));
                self.evictions += 1;
            }
            return;
        }
    }

    /// Lets go of older versions that none of these runs sees; returns how many are left.
    pub(super) fn forget_versions(
        &mut self,
        runs: &[Beginning],
        hasher: &DefaultHashBuilder,
    ) -> usize {
        if self.older.is_empty() {
            return 0;
        }
        let is_seen = |old: &&Entry| self.is_seen(hash_name(hasher, old.name()), old, runs);
        let seen = self.older.iter().filter(is_seen);
        let mut seen: Vec<u64> = seen.map(|old| old.sequence).collect();
        seen.sort_unstable();
        let mut gone = 0;
        self.older.retain(|old| {
            let is_kept = seen.binary_search(&old.sequence).is_ok();
            gone += if is_kept { 0 } else { octets(old) };
            is_kept
        });
        self.octets = self.octets.saturating_sub(gone);
        self.older.len()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Older versions held.
    pub(super) fn older_len(&self) -> usize {
        self.older.len()
    }
}
