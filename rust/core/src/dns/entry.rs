//! An answer as it is kept: name, data and facts in one allocation, and beside it the records parsed at first use.
//!
//! Knows how data is written down and read again; must not know lifetimes and runs (`cache`), or what a record means.
//! A cache holds millions of these, so that every octet here counts (RFC 1035 §3.3 has the forms of the data).

use std::mem::size_of;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Deref;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, OnceLock};

use triomphe::ThinArc;

use super::packing::{self, Names, Texts};
use super::parsed::{Ledger, Parsed};
use super::{Answer, History, MxRecord, Observation, Outcome, Question, RecordData, RecordType};
use super::{Standing, TxtRecord};
use crate::domain::Domain;
use crate::reason::LimitWord;
use crate::{dkim, dmarc, spf};

/// Stands for "no TTL"; the largest one loses a second.
const NO_TTL: u32 = u32::MAX;
/// Octets of an allocation beside the facts and the slice: two counts.
const ALLOCATION_OCTETS: usize = 16;
/// Octets to which an allocation is rounded up.
const ALLOCATION_UNIT: usize = 16;

/// An answer; a copy is another handle of the same.
#[derive(Clone)]
pub struct Entry(ThinArc<Facts, u8>);

/// What an answer says beside its data.
pub struct Facts {
    parsed: OnceLock<Box<Parsed>>,
    origin: Arc<Origin>,
    /// The cache's count when the answer came.
    pub(super) sequence: u64,
    /// Unix seconds.
    pub(super) expires_at: u32,
    ttl: u32,
    /// The kind of answer.
    pub outcome: Outcome,
    /// The AD bit of a trusted validating resolver; `None` = not asked for.
    pub authenticated: Option<bool>,
    /// The question's name is an alias: see [`Answer::is_alias`].
    pub is_alias: bool,
    record_type: RecordType,
    data_type: Option<RecordType>,
    name_length: u8,
    /// Whatever the cache notes of an entry, under the lock of its shard.
    pub(super) marks: AtomicU8,
}

/// What many answers have in common, and what few have at all.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) source: Arc<str>,
    pub(super) first_seen: Option<i64>,
    pub(super) last_seen: Option<i64>,
    /// How the answer stands to the time that was asked about (DNS stores), or that it is stale.
    pub(super) standing: Standing,
    /// A DNS store gave it.
    pub(super) is_stored: bool,
    /// The rows whose records make up the answer, in their order, when there are several (DNS stores).
    pub(super) offers: Box<[Arc<Observation>]>,
    pub(super) history: Option<Arc<History>>,
    /// Of a stale answer: when its lifetime ended, in Unix seconds.
    pub(super) fresh_until: Option<u32>,
    /// Others have it, too: it is charged to nobody.
    pub(super) is_shared: bool,
    pub(super) ledger: Option<Arc<Ledger>>,
}

impl Origin {
    /// The origin of this answer.
    pub(super) fn of(answer: &Answer) -> Self {
        Self {
            source: Arc::clone(&answer.source),
            first_seen: answer.first_seen,
            last_seen: answer.last_seen,
            standing: Standing::Observed,
            is_stored: false,
            offers: Box::default(),
            history: answer.history.clone(),
            fresh_until: None,
            is_shared: false,
            ledger: None,
        }
    }
}

/// Where an answer, or one record of it, comes from.
pub(crate) struct Provenance<'a> {
    pub(crate) source: &'a str,
    pub(crate) first_seen: Option<i64>,
    pub(crate) last_seen: Option<i64>,
}

impl<'a> Provenance<'a> {
    fn of(answer: &'a Answer) -> Self {
        Self {
            source: &answer.source,
            first_seen: answer.first_seen,
            last_seen: answer.last_seen,
        }
    }
}

/// When an entry came, how long it counts, and the cache's notes to begin with.
#[derive(Clone, Copy, Default)]
pub(super) struct Stamps {
    pub(super) sequence: u64,
    pub(super) expires_at: u32,
    pub(super) marks: u8,
}

/// An answer written down, not yet an entry.
pub(super) struct Draft {
    facts: Facts,
    octets: Vec<u8>,
}

impl Draft {
    pub(super) fn new(question: Option<&Question>, answer: &Answer, origin: Arc<Origin>) -> Self {
        let name = question.map_or("", |question| question.name.as_str());
        let data_type = packing::record_type(&answer.data);
        let record_type = question.map(|question| question.record_type);
        Self {
            octets: packing::pack(name, &answer.data),
            facts: Facts {
                parsed: OnceLock::new(),
                origin,
                sequence: 0,
                expires_at: 0,
                ttl: answer.ttl.map_or(NO_TTL, |ttl| ttl.min(NO_TTL - 1)),
                outcome: answer.outcome,
                authenticated: answer.authenticated,
                is_alias: answer.is_alias,
                record_type: record_type.or(data_type).unwrap_or(RecordType::Txt),
                data_type,
                // A name has at most 253 octets.
                name_length: u8::try_from(name.len()).unwrap_or(u8::MAX),
                marks: AtomicU8::new(0),
            },
        }
    }

    pub(super) fn outcome_and_ttl(&self) -> (Outcome, Option<u32>) {
        (self.facts.outcome, self.facts.ttl())
    }

    pub(super) fn finish(mut self, stamps: Stamps) -> Entry {
        self.facts.sequence = stamps.sequence;
        self.facts.expires_at = stamps.expires_at;
        self.facts.marks = AtomicU8::new(stamps.marks);
        Entry(ThinArc::from_header_and_slice(self.facts, &self.octets))
    }
}

impl Entry {
    /// An entry that is not kept in a cache.
    pub fn new(answer: &Answer) -> Self {
        Draft::new(None, answer, Arc::new(Origin::of(answer))).finish(Stamps::default())
    }

    /// What a history gives for a time.
    pub(super) fn of_history(
        answer: &Answer,
        standing: Standing,
        offers: Box<[Arc<Observation>]>,
    ) -> Self {
        let origin = Origin {
            standing,
            is_stored: true,
            offers,
            ..Origin::of(answer)
        };
        Draft::new(None, answer, Arc::new(origin)).finish(Stamps::default())
    }

    /// The same answer beyond its lifetime, which ended at `fresh_until` (RFC 8767 §4).
    pub(super) fn to_stale(&self, fresh_until: u32, ttl: u32, stamps: Stamps) -> Self {
        let origin = Origin {
            standing: Standing::Stale,
            fresh_until: Some(fresh_until),
            is_shared: false,
            ..Origin::clone(&self.origin)
        };
        let facts = Facts {
            parsed: OnceLock::new(),
            origin: Arc::new(origin),
            sequence: stamps.sequence,
            expires_at: stamps.expires_at,
            ttl,
            marks: AtomicU8::new(stamps.marks),
            ..*self.facts()
        };
        Self(ThinArc::from_header_and_slice(facts, &self.0.slice))
    }

    fn facts(&self) -> &Facts {
        &self.0.header.header
    }

    /// The name that was asked for; empty outside a cache.
    pub(super) fn name(&self) -> &[u8] {
        let length = usize::from(self.name_length);
        self.0.slice.get(..length).unwrap_or_default()
    }

    /// True when both are handles of one answer.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.facts(), other.facts())
    }

    /// True when this is the answer to `question`.
    #[inline]
    pub(super) fn is_of(&self, question: &Question) -> bool {
        self.record_type == question.record_type && self.name() == question.name.as_str().as_bytes()
    }

    /// True when both are answers to one question.
    pub(super) fn is_rival_of(&self, other: &Self) -> bool {
        self.record_type == other.record_type && self.name() == other.name()
    }

    /// True when this says that the name has no record of any type (RFC 2308 §5); behind an alias it says so of the
    /// target (RFC 8020 §2), and a DNS store speaks of each type by itself.
    pub(super) fn denies_name(&self) -> bool {
        let Origin {
            first_seen,
            last_seen,
            history,
            ..
        } = &*self.origin;
        let is_live = first_seen.is_none() && last_seen.is_none() && history.is_none();
        self.outcome == Outcome::NxDomain && !self.is_alias && is_live
    }

    /// When its lifetime ended, if it is stale.
    pub(super) fn fresh_until(&self) -> Option<u32> {
        self.origin.fresh_until
    }

    /// Octets it takes, without the parsed records.
    pub(super) fn octets(&self) -> usize {
        let allocation = ALLOCATION_OCTETS + size_of::<Facts>() + self.0.slice.len();
        let history = self.history().map_or(0, |history| history.octets());
        let origin = if self.origin.is_shared {
            0
        } else {
            ALLOCATION_OCTETS + size_of::<Origin>()
        };
        allocation.next_multiple_of(ALLOCATION_UNIT) + origin + history
    }

    /// What a DNS store knows of the question, when that depends on the time that is asked about.
    pub fn history(&self) -> Option<&Arc<History>> {
        self.origin.history.as_ref()
    }

    /// How the answer stands to the time that was asked about (DNS stores), or that it is stale.
    pub(crate) fn standing(&self) -> Standing {
        self.origin.standing
    }

    /// True when a DNS store gave it.
    pub(crate) fn is_stored(&self) -> bool {
        self.origin.is_stored
    }

    /// Where the answer comes from.
    pub(crate) fn provenance(&self) -> Provenance<'_> {
        Provenance {
            source: &self.origin.source,
            first_seen: self.origin.first_seen,
            last_seen: self.origin.last_seen,
        }
    }

    /// Where the text record at this place comes from.
    pub(crate) fn provenance_of(&self, place: Option<usize>) -> Provenance<'_> {
        let Some(mut place) = place else {
            return self.provenance();
        };
        for offer in &self.origin.offers {
            let count = offer.answer.txt().len();
            if place < count {
                return Provenance::of(&offer.answer);
            }
            place -= count;
        }
        self.provenance()
    }

    /// A word for the verdict's `limits` on how sure the answer is.
    pub(crate) fn qualification(&self) -> Option<LimitWord> {
        self.origin.standing.qualification()
    }

    /// The data as written down, if it is of this type.
    fn packed(&self, record_type: RecordType) -> &[u8] {
        if self.data_type != Some(record_type) {
            return &[];
        }
        let length = usize::from(self.name_length);
        self.0.slice.get(length..).unwrap_or_default()
    }

    /// The text records, if any.
    pub fn txt(&self) -> Texts<'_> {
        Texts::new(self.packed(RecordType::Txt))
    }

    /// The IPv4 addresses, if any.
    pub fn ipv4(&self) -> impl ExactSizeIterator<Item = Ipv4Addr> {
        let (addresses, _) = self.packed(RecordType::A).as_chunks::<4>();
        addresses.iter().copied().map(Ipv4Addr::from)
    }

    /// The IPv6 addresses, if any.
    pub fn ipv6(&self) -> impl ExactSizeIterator<Item = Ipv6Addr> {
        let (addresses, _) = self.packed(RecordType::Aaaa).as_chunks::<16>();
        addresses.iter().copied().map(Ipv6Addr::from)
    }

    /// The mail exchangers, if any.
    pub fn mx(&self) -> impl Iterator<Item = MxRecord> {
        packing::exchanges(self.packed(RecordType::Mx))
    }

    /// The PTR targets, if any.
    pub fn ptr(&self) -> impl Iterator<Item = Domain> {
        Names::new(self.packed(RecordType::Ptr)).flatten()
    }

    /// All data, as values.
    pub fn data(&self) -> RecordData {
        match self.data_type {
            None => RecordData::None,
            Some(RecordType::A) => RecordData::A(self.ipv4().collect()),
            Some(RecordType::Aaaa) => RecordData::Aaaa(self.ipv6().collect()),
            Some(RecordType::Mx) => RecordData::Mx(self.mx().collect()),
            Some(RecordType::Ptr) => RecordData::Ptr(self.ptr().collect()),
            Some(RecordType::Txt) => {
                let record = |text: packing::Text<'_>| TxtRecord::from_strings(text.strings());
                RecordData::Txt(self.txt().map(record).collect())
            }
        }
    }

    fn parsed(&self) -> &Parsed {
        self.parsed
            .get_or_init(|| Box::new(Parsed::new(self.origin.ledger.clone())))
    }

    /// The SPF record among the texts.
    pub(crate) fn spf(&self) -> &spf::RecordSelection {
        self.parsed().spf(|| self.txt().joined())
    }

    /// The DKIM keys among the texts, ready to verify with.
    pub(crate) fn keys(&self) -> &dkim::KeyRecords {
        self.parsed().keys(|| self.txt().joined())
    }

    /// The DMARC policy records among the texts.
    pub(crate) fn dmarc(&self) -> &dmarc::PolicyRecords {
        self.parsed().dmarc(|| self.txt().joined())
    }
}

impl Facts {
    /// Seconds; `None` = good for this run only.
    pub fn ttl(&self) -> Option<u32> {
        (self.ttl != NO_TTL).then_some(self.ttl)
    }
}

impl Deref for Entry {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        self.facts()
    }
}

#[cfg(test)]
mod tests;
