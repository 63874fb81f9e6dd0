//! DNS as values. An evaluator asks [`Answers`]; what is not known yet leaves through `?` as [`Pending`]; the batch
//! asks a [`Resolver`] for the missing questions of all messages at once, the [`Cache`] keeps what comes back, and
//! the evaluator runs again. Nothing here opens a socket or knows a protocol's rules. Outcomes that a protocol
//! must tell apart (RFC 2308, RFC 7208 §5, RFC 6376 §6.1.2) are kept apart in [`Outcome`].

mod answers;
mod cache;
mod entry;
mod history;
mod packing;
mod parsed;
mod zone;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub use answers::{Answers, Lookup, Pending};
pub(crate) use cache::RunView;
pub use cache::{Cache, CacheCounters, CacheSettings, Claim, Run, SERVE_STALE_LIMIT, Waiter};
pub use entry::{Entry, Facts};
pub use history::{AsOf, HISTORY_LIMIT, History, Observation, Standing, WINDOW_SLACK};
pub use packing::{Text, Texts};
pub use zone::{NO_MAPPING, StaticZone, Value, ZoneError};

use crate::domain::Domain;
use crate::reason::words;

/// CNAME links followed before a chain is an error (unbound follows 11, RFC 1034 §3.6.2 leaves it open).
pub const CHAIN_LIMIT: usize = 8;

words! {
    /// The record types that the evaluators ask for.
    RecordType {
        A "A";
        Aaaa "AAAA";
        Mx "MX";
        Ptr "PTR";
        Txt "TXT";
    }
}

words! {
    /// What came of a question.
    Outcome {
        Found "found";
        NoData "nodata";
        NxDomain "nxdomain";
        ServFail "servfail";
        Refused "refused";
        FormErr "formerr";
        NotImp "notimp";
        Timeout "timeout";
        Truncated "truncated";
        /// A referral instead of an answer.
        Lame "lame";
        ChainTooLong "chain-too-long";
        /// Every record of the answer was unreadable.
        Unusable "unusable";
        /// A DNS store does not know the name: no statement about the world.
        Unknown "unknown";
        /// The message's budget of questions is used up; never sent, never cached.
        OverBudget "over-budget";
    }
}

impl Outcome {
    /// True for the outcomes that say nothing about the name: a fault, not an answer.
    pub const fn is_fault(self) -> bool {
        !matches!(self, Self::Found | Self::NoData | Self::NxDomain)
    }
}

/// One question, class IN.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Question {
    /// Lower-case A-labels without final dot.
    pub name: Domain,
    /// Record type.
    pub record_type: RecordType,
}

impl Question {
    /// The question for the text records of a name.
    pub fn txt(name: &Domain) -> Self {
        Self {
            name: name.clone(),
            record_type: RecordType::Txt,
        }
    }
}

impl PartialOrd for RecordType {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RecordType {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// One TXT record: its strings joined, and where they were joined (RFC 1035 §3.3.14).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxtRecord {
    octets: Box<[u8]>,
    lengths: Box<[u8]>,
}

impl TxtRecord {
    /// A record of these character-strings; one longer than 255 octets becomes several.
    pub fn from_strings<'a>(strings: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let (mut octets, mut lengths) = (Vec::new(), Vec::new());
        for string in strings {
            let chunks = string.chunks(usize::from(u8::MAX));
            if string.is_empty() {
                lengths.push(0);
            }
            for chunk in chunks {
                octets.extend_from_slice(chunk);
                lengths.push(u8::try_from(chunk.len()).unwrap_or(u8::MAX));
            }
        }
        Self {
            octets: octets.into(),
            lengths: lengths.into(),
        }
    }

    /// The strings joined without anything between them (RFC 7208 §3.3, RFC 6376 §3.6.2.2).
    pub fn joined(&self) -> &[u8] {
        &self.octets
    }

    /// The character-strings one by one.
    pub fn strings(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.octets;
        self.lengths.iter().map(move |length| {
            let (string, tail) = rest
                .split_at_checked(usize::from(*length))
                .unwrap_or((rest, &[]));
            rest = tail;
            string
        })
    }
}

/// One MX record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MxRecord {
    /// Lower comes first.
    pub preference: u16,
    /// `None` for the root (null MX, RFC 7505) and for a name that cannot be asked for.
    pub exchange: Option<Domain>,
}

/// The data of an answer: the RRset of the question's type at the end of its CNAME chain.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum RecordData {
    /// No records.
    #[default]
    None,
    /// IPv4 addresses.
    A(Vec<Ipv4Addr>),
    /// IPv6 addresses.
    Aaaa(Vec<Ipv6Addr>),
    /// Mail exchangers.
    Mx(Vec<MxRecord>),
    /// PTR targets that can be asked for.
    Ptr(Vec<Domain>),
    /// Text records.
    Txt(Vec<TxtRecord>),
}

impl RecordData {
    /// Octets of the data, about.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Self::None => 0,
            Self::A(addresses) => addresses.len() * 4,
            Self::Aaaa(addresses) => addresses.len() * 16,
            Self::Mx(records) => records
                .iter()
                .map(|mx| mx.exchange.as_ref().map_or(0, |name| name.as_str().len()) + 24)
                .sum(),
            Self::Ptr(names) => names.iter().map(|name| name.as_str().len() + 16).sum(),
            Self::Txt(records) => records.iter().map(|txt| txt.joined().len() + 32).sum(),
        }
    }
}

/// What a resolver says to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The kind of answer.
    pub outcome: Outcome,
    /// Empty unless `outcome` is [`Outcome::Found`].
    pub data: RecordData,
    /// Seconds; `None` = good for this run only.
    pub ttl: Option<u32>,
    /// The AD bit of a trusted validating resolver; `None` = not asked for.
    pub authenticated: Option<bool>,
    /// Where the answer comes from, for people.
    pub source: Arc<str>,
    /// Unix seconds when this RRset was first observed (DNS stores).
    pub first_seen: Option<i64>,
    /// Unix seconds when this RRset was last observed (DNS stores).
    pub last_seen: Option<i64>,
    /// The question's name is an alias: with NXDOMAIN the *target* is missing, the name itself exists (RFC 8020 §2).
    pub is_alias: bool,
    /// Everything a DNS store knows of the question, when that depends on the time that is asked about.
    pub history: Option<Arc<History>>,
}

impl Answer {
    /// An answer without records.
    pub fn empty(outcome: Outcome) -> Self {
        Self {
            outcome,
            data: RecordData::None,
            ttl: None,
            authenticated: None,
            source: "".into(),
            first_seen: None,
            last_seen: None,
            is_alias: false,
            history: None,
        }
    }

    /// [`Outcome::Found`] with these records; the caller gives at least one.
    pub fn found(data: RecordData) -> Self {
        Self {
            data,
            ..Self::empty(Outcome::Found)
        }
    }

    /// The text records, if any.
    pub fn txt(&self) -> &[TxtRecord] {
        if let RecordData::Txt(records) = &self.data {
            records
        } else {
            &[]
        }
    }

    /// The IPv4 addresses, if any.
    pub fn ipv4(&self) -> &[Ipv4Addr] {
        if let RecordData::A(addresses) = &self.data {
            addresses
        } else {
            &[]
        }
    }

    /// The IPv6 addresses, if any.
    pub fn ipv6(&self) -> &[Ipv6Addr] {
        if let RecordData::Aaaa(addresses) = &self.data {
            addresses
        } else {
            &[]
        }
    }

    /// The mail exchangers, if any.
    pub fn mx(&self) -> &[MxRecord] {
        if let RecordData::Mx(records) = &self.data {
            records
        } else {
            &[]
        }
    }

    /// The PTR targets, if any.
    pub fn ptr(&self) -> &[Domain] {
        if let RecordData::Ptr(names) = &self.data {
            names
        } else {
            &[]
        }
    }
}

/// Takes one answer; called from any thread, once for each question.
pub type Deliver = Arc<dyn Fn(&Question, Answer) + Send + Sync>;

/// Whoever can answer questions: sockets, files, mappings and Python objects live behind it.
pub trait Resolver: Send + Sync {
    /// Starts asking. `deliver` is called exactly once for each question, possibly before this returns; what cannot
    /// be answered is delivered as a fault.
    fn ask(&self, questions: Vec<Question>, deliver: Deliver);
}
